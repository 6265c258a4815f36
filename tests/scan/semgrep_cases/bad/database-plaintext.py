import psycopg
from sqlalchemy import create_engine

engine = create_engine(settings.dsn, connect_args={"sslmode": "disable"})  # hole
link = psycopg.connect(settings.dsn, sslmode="prefer")  # hole
