from flask import Flask
from flask_login import login_required

app = Flask(__name__)


@app.route("/admin")
@login_required
def admin():
    return "hello"


@app.get("/staff")
@permission_required("staff")
async def staff():
    return "hello"


@functools.cache
@app.get("/open")
def open_to_all():
    return "hello"
