import importlib

from fastapi import FastAPI

app = FastAPI()
JOBS = {"clean": "jobs.clean", "report": "jobs.report"}


@app.post("/run/{job}")
def run(job: str):
    importlib.import_module(JOBS[job]).main()
