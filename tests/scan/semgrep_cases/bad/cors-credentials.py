from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from flask_cors import CORS
from litestar.config.cors import CORSConfig

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["null"], allow_credentials=True)  # hole
cors = CORSConfig(allow_origins=["*"], allow_credentials=True)  # hole
CORS(flask_app, origins="*", supports_credentials=True)  # hole
