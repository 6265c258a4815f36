import ast

from flask import Flask, request

app = Flask(__name__)


@app.route("/sum")
def total():
    return str(ast.literal_eval(request.args.get("formula")))


@app.route("/fixed")
def fixed():
    return str(eval("1 + 1"))
