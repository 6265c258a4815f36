from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from flask_cors import CORS
from litestar.config.cors import CORSConfig

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example.com"], allow_credentials=True)
cors = CORSConfig(allow_origins=["*"])
CORS(flask_app, origins="*")
CORS(flask_app, origins="https://shop.example.com", supports_credentials=True)
