from flask import Flask, request

app = Flask(__name__)


@app.route("/sum")
def total():
    formula = request.args.get("formula")
    return str(eval(formula))  # hole
