from flask import Flask
from flask_login import login_required

app = Flask(__name__)


@login_required  # hole
@app.route("/admin")
def admin():
    return "hello"


@permission_required("staff")  # hole
@app.get("/staff")
async def staff():
    return "hello"
