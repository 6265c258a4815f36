import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()
log = logging.getLogger(__name__)


@app.exception_handler(Exception)
async def broken(request: Request, error: Exception) -> JSONResponse:
    log.error("unhandled", exc_info=error)
    return JSONResponse({"error": "internal"}, status_code=500)
