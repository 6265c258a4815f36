from fastapi import APIRouter, UploadFile
from safetensors.numpy import load

router = APIRouter()


@router.post("/models")
def take(model: UploadFile) -> list[str]:
    return list(load(model.file.read(10_000_000)))
