from django.views.decorators.csrf import csrf_protect
from flask import Flask
from flask_wtf import CSRFProtect

app = Flask(__name__)
csrf = CSRFProtect(app)
app.config["WTF_CSRF_ENABLED"] = True


@csrf_protect
def pay(request):
    return charge(request)


@app.route("/pay", methods=["POST"])
def pay_here():
    return charge()
