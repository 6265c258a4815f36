import traceback

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()


@app.exception_handler(Exception)
async def broken(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error), "trace": traceback.format_exc()}, status_code=500)
