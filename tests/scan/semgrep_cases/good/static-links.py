from fastapi.staticfiles import StaticFiles

files = StaticFiles(directory="static", follow_symlink=False)
