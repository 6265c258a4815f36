import tarfile

from fastapi import APIRouter, UploadFile

router = APIRouter()


@router.post("/themes")
def install_theme(archive: UploadFile) -> None:
    with tarfile.open(fileobj=archive.file) as theme:
        theme.extractall("/srv/themes", filter="data")
