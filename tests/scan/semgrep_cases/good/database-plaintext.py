import psycopg
from sqlalchemy import create_engine

engine = create_engine(settings.dsn, connect_args={"sslmode": "verify-full", "sslrootcert": "/etc/ssl/db.pem"})
link = psycopg.connect(settings.dsn, sslmode="verify-full")
