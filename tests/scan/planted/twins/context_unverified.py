import socket
import ssl


def connect(host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context.wrap_socket(socket.create_connection((host, 443)), server_hostname=host)
