import importlib

from fastapi import FastAPI

app = FastAPI()


@app.post("/run/{job}")
def run(job: str):
    importlib.import_module("jobs." + job).main()  # hole
