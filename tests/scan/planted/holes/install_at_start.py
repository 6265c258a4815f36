import subprocess
import sys


def ensure_plugin(name: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "install", name], check=True)
