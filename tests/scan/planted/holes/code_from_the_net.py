import httpx


def refresh_rules() -> None:
    source = httpx.get("https://rules.example.com/latest.py", timeout=5).text
    exec(source)
