from django.views.decorators.csrf import csrf_exempt
from flask import Flask
from flask_wtf import CSRFProtect

app = Flask(__name__)
csrf = CSRFProtect(app)
app.config["WTF_CSRF_ENABLED"] = False  # hole


@csrf_exempt  # hole
def pay(request):
    return charge(request)


@csrf.exempt  # hole
@app.route("/pay", methods=["POST"])
def pay_here():
    return charge()
