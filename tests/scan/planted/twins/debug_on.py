import os

from fastapi import FastAPI

app = FastAPI(title="Shop", debug=os.environ.get("SHOP_DEBUG") == "1")
