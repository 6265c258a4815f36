import os
from ftplib import FTP


def deliver(report: str) -> None:
    with FTP("files.example.com") as server, open(report, "rb") as file:
        server.login("reports", os.environ["FTP_WORD"])
        server.storbinary("STOR report.csv", file)
