import os
from ftplib import FTP_TLS


def deliver(report: str) -> None:
    with FTP_TLS("files.example.com") as server, open(report, "rb") as file:
        server.login("reports", os.environ["FTP_WORD"])
        server.prot_p()
        server.storbinary("STOR report.csv", file)
