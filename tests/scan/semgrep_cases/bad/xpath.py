from fastapi import FastAPI
from lxml import etree

app = FastAPI()
tree = etree.parse("people.xml")


@app.get("/people")
def people(name: str):
    return str(tree.xpath(f"//person[name='{name}']"))  # hole
