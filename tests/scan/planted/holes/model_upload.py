import joblib
from fastapi import APIRouter, UploadFile

router = APIRouter()


@router.post("/models")
def take(model: UploadFile) -> list[str]:
    return list(joblib.load(model.file).feature_names)
