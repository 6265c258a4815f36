"""Each rule of `garrison routes` finds what is planted, and is silent about the safe way to do the same."""

from __future__ import annotations

import pytest

from tests.scan.conftest import Examine, found

PLANTED = {
    "R001 dict": "@app.post('/a')\ndef a(body: dict, user: User): ...",
    "R001 any": "@app.post('/a')\ndef a(body: dict[str, Any], user: User): ...",
    "R001 json": "@app.post('/a')\nasync def a(request: Request, user: User):\n    return len(await request.json())",
    "R001 form": "@app.post('/a')\nasync def a(request: Request, user: User):\n    return len(await request.form())",
    "R002": "class M(BaseModel):\n    extra: dict[str, Any]\n@app.post('/a')\ndef a(m: M): ...",
    "R003 text": "class M(BaseModel):\n    title: str\n@app.post('/a')\ndef a(m: M): ...",
    "R003 list": "class M(BaseModel):\n    tags: list[int]\n@app.post('/a')\ndef a(m: M): ...",
    "R003 nested": "class N(BaseModel):\n    t: str\nclass M(BaseModel):\n    n: list[N] = Field(max_length=3)\n"
    "@app.post('/a')\ndef a(m: M): ...",
    "R003 form": "@app.post('/a')\ndef a(title: Annotated[str, Form()]): ...",
    "R004 page": "@app.get('/a')\ndef a(limit: int = 10): ...",
    "R004 field": "class M(BaseModel):\n    number: int\n@app.post('/a')\ndef a(m: M): ...",
    "R005": "ROWS = object()\n@app.get('/a')\ndef a():\n    row = ROWS.find(1)\n    return row",
    "R005 dict": "ROWS = object()\n@app.get('/a')\ndef a() -> dict[str, Any]:\n    return ROWS.find(1)",
    "R006": "class U(BaseModel):\n    name: str\n    hashed_password: str\n@app.get('/a')\ndef a() -> list[U]: ...",
    "R006 optional": "class U(BaseModel):\n    api_secret: str | None\n@app.get('/a')\ndef a() -> U: ...",
    "R007 add": "db = None\n@app.get('/a')\ndef a():\n    db.add(object())\n    db.commit()",
    "R007 sql": "cursor = None\n@app.get('/a')\ndef a(n: int):\n    cursor.execute('DELETE FROM t WHERE n = ?', (n,))",
    "R007 file": "import os\n@app.get('/a')\ndef a():\n    os.remove('report.pdf')",
    "R007 path": "@app.get('/users/{n}/delete')\ndef a(n: int): ...",
    "R008 all": "@app.post('/a')\ndef a(): ...",
    "R008 kept": "seen = {}\n@app.post('/a')\ndef a(n: int):\n    seen[n] = True\n    return {}\n@app.post('/b')\n"
    "def b(user: User): ...",
    "R008 one": "@app.post('/a')\ndef a(): ...\n@app.post('/b')\ndef b(user: User): ...",
    "R009": "@app.post('/a')\nasync def a(request: Request):\n    return request.session['user'] and None",
    "R010 query": "@app.get('/a')\ndef a(next: str):\n    return RedirectResponse(next)",
    "R010 default": "@app.get('/a')\ndef a(next: str = ''):\n    return RedirectResponse(url=next or '/')",
    "R010 slash": "@app.get('/a')\ndef a(to: str):\n    return RedirectResponse(f'/{to}')",
    "R010 request": "@app.get('/a')\ndef a(request: Request):\n"
    "    return RedirectResponse(request.query_params['next'])",
    "R010 assigned": "@app.get('/a')\ndef a(to: str):\n    url = to.strip()\n    return RedirectResponse(url + '?x=1')",
    "R011 f": "db = None\ndef find(name):\n    return db.execute(f\"SELECT * FROM t WHERE name = '{name}'\")",
    "R011 format": "db = None\ndef find(name):\n    return db.execute('SELECT * FROM t WHERE n = {}'.format(name))",
    "R011 percent": "db = None\ndef find(name):\n    q = 'DELETE FROM t WHERE n = %s' % name\n    db.execute(q)",
    "R011 plus": "db = None\ndef find(name):\n    db.execute('SELECT * FROM t WHERE n = ' + name)",
    "R011 text": "text = db = None\ndef find(name):\n    db.scalars(text(f'SELECT * FROM t WHERE n = {name}'))",
    "R011 where": "db = None\ndef find(names):\n    where = [f'n = {n}' for n in names]\n"
    "    db.execute(f\"SELECT * FROM t WHERE {' OR '.join(where)}\")",
    "R012 query": "@app.get('/a')\ndef a(name: str):\n    return FileResponse('files/' + name)",
    "R012 path": "@app.get('/a/{name:path}')\ndef a(name: str):\n    return FileResponse(f'files/{name}')",
    "R012 pathlib": "from pathlib import Path\n@app.get('/a')\ndef a(name: str):\n"
    "    return (Path('files') / name).read_text()",
    "R012 upload": "@app.post('/a')\ndef a(file: UploadFile, user: User):\n    open(f'up/{file.filename}', 'wb')",
    "R012 model": "class M(BaseModel):\n    name: str\n@app.post('/a')\ndef a(m: M):\n    return open(m.name).read()",
    "R013": "@app.post('/login')\ndef a(name: Annotated[str, Form()], word: Annotated[str, Form()]): ...",
    "R013 program": "import subprocess\n@app.post('/a')\ndef a():\n    subprocess.run(['true'])",
    "R014 sleep": "import time\n@app.get('/a')\nasync def a():\n    time.sleep(1)",
    "R014 from": "from time import sleep as nap\n@app.get('/a')\nasync def a():\n    nap(1)",
    "R014 program": "import subprocess\n@app.get('/a')\nasync def a():\n    subprocess.run(['true'])",
    "R014 httpx": "import httpx\n@app.get('/a')\nasync def a():\n    httpx.get('https://a.example')",
    "R014 session": "from sqlalchemy.orm import Session\n@app.get('/a')\n"
    "async def a(db: Annotated[Session, Depends(lambda: None)]):\n    db.execute('x')",
    "R014 dependency": "import time\nasync def slow():\n    time.sleep(1)\n@app.get('/a')\n"
    "def a(x: Annotated[None, Depends(slow)]): ...",
}

SAFE = {
    "R001 model": "class M(BaseModel):\n    a: int\n@app.post('/a')\ndef a(m: M): ...",
    "R001 validated": "class M(BaseModel):\n    a: int\n@app.post('/a')\nasync def a(request: Request):\n"
    "    return M.model_validate(await request.json()).a",
    "R001 typed": "@app.post('/a')\ndef a(body: dict[str, int]): ...",
    "R002 typed": "class M(BaseModel):\n    extra: dict[str, int] = Field(max_length=9)\n"
    "@app.post('/a')\ndef a(m: M): ...",
    "R003 bounded": "class M(BaseModel):\n    title: Annotated[str, Field(max_length=9)]\n    kind: Literal['a', 'b']\n"
    "    tags: list[UUID] = Field(max_length=9)\n@app.post('/a')\ndef a(m: M): ...",
    "R003 pattern": "class M(BaseModel):\n    o: str | None = Field(None, pattern='^[a-z]{1,9}$')\n"
    "@app.post('/a')\ndef a(m: M): ...",
    "R003 input": "from garrison.inputs import Input\nclass M(Input):\n    title: str\n    tags: list[str]\n"
    "@app.post('/a')\ndef a(m: M): ...",
    "R003 patch": "from garrison.inputs import Operation, PatchRule\n@app.patch('/a')\n"
    "def a(ops: Annotated[list[Operation], PatchRule(('/title',))]): ...",
    "R003 query": "@app.get('/a')\ndef a(q: str, tags: Annotated[list[str], Query()]): ...",
    "R004 bounded": "@app.get('/a')\ndef a(limit: Annotated[int, Query(le=100)] = 10, size: UUID | None = None): ...",
    "R004 literal": "@app.get('/a')\ndef a(limit: Literal[10, 20] = 10): ...",
    "R005 model": "class U(BaseModel):\n    name: str\n@app.get('/a')\ndef a() -> U: ...",
    "R005 literal": "@app.get('/a')\ndef a():\n    answer = {'ok': True}\n    return answer",
    "R005 page": "@app.get('/a', response_class=HTMLResponse)\ndef a():\n    return print()",
    "R006 in": "class U(BaseModel):\n    password: str\n@app.post('/a')\ndef a(u: U): ...",
    "R006 count": "class U(BaseModel):\n    max_tokens: int\n    has_password: bool\n    access_token: str\n"
    "    password_changed_at: str\n@app.get('/a')\ndef a() -> U: ...",
    "R006 redacted": "from garrison.inputs import Redacted, Sensitive\nclass U(BaseModel):\n"
    "    password_hash: Sensitive[str]\n    secret: Annotated[str, Redacted(last=4)]\n"
    "    api_secret: Sensitive[str] | None\n@app.get('/a')\ndef a() -> U: ...",
    "R006 masked": "from pydantic import SecretStr\nclass U(BaseModel):\n    password: SecretStr\n"
    "    secret: str = Field(exclude=True)\n@app.get('/a')\ndef a() -> U: ...",
    "R007 read": "db = None\n@app.get('/a')\ndef a():\n    return db.execute('SELECT 1') and None",
    "R007 set": "@app.get('/a')\ndef a():\n    seen = set()\n    seen.add(1)\n    return len(seen)",
    "R007 page": "@app.get('/u/delete', response_class=HTMLResponse)\ndef a(): ...\n"
    "@app.post('/u/delete')\ndef b(): ...",
    "R008 dependency": "@app.post('/a')\ndef a(user: User): ...",
    "R008 router": "from fastapi import APIRouter\nr = APIRouter(dependencies=[Depends(current_user)])\n"
    "@r.post('/a')\ndef a(): ...\napp.include_router(r)",
    "R008 header": "@app.post('/a')\ndef a(x_api_key: Annotated[str, Header()]): ...",
    "R008 garrison": "from garrison.fastapi import public\n@app.post('/a', dependencies=[public])\ndef a(): ...",
    "R008 login": "@app.post('/login')\ndef a(): ...",
    "R008 constant": "@app.post('/a')\ndef a():\n    # one day\n    return {'answer': 'none yet'}\n@app.post('/b')\n"
    "def b(user: User): ...",
    "R008 question": "@app.post('/a')\ndef search(q: str): ...\n@app.post('/b')\ndef b(user: User): ...",
    "R008 middleware": "class Auth:\n    def __init__(self, app): self.app = app\n"
    "    async def __call__(self, scope, receive, send): raise PermissionError('unauthorized')\n"
    "app.add_middleware(Auth)\n@app.post('/a')\ndef a(): ...",
    "R009 bearer": "@app.post('/a')\ndef a(user: User): ...",
    "R009 checked": "def check_csrf(): ...\n@app.post('/a', dependencies=[Depends(check_csrf)])\n"
    "async def a(request: Request):\n    return request.session['user'] and None",
    "R010 list": "PAGES = {'a': '/a'}\n@app.get('/a')\ndef a(to: str):\n    return RedirectResponse(PAGES[to])",
    "R010 segment": "@app.get('/a/{n}')\ndef a(n: str):\n    return RedirectResponse(f'/notes/{n}')",
    "R010 query": "@app.get('/a')\ndef a(q: str):\n    return RedirectResponse('/search?q=' + q)",
    "R010 judged": "def ours(url): ...\n@app.get('/a')\ndef a(to: str):\n    if not ours(to):\n        to = '/'\n"
    "    return RedirectResponse(to)",
    "R010 choice": "@app.get('/a')\ndef a(to: Literal['/a', '/b']):\n    return RedirectResponse(to)",
    "R010 number": "@app.get('/a')\ndef a(n: int):\n    return RedirectResponse(f'/{n}')",
    "R011 bound": "db = None\ndef find(name):\n    return db.execute('SELECT * FROM t WHERE name = ?', (name,))",
    "R011 marks": "db = None\ndef find(names):\n    marks = ','.join('?' * len(names))\n"
    "    return db.execute(f'SELECT * FROM t WHERE name IN ({marks})', names)",
    "R011 constant": "db = None\nTABLE = 'notes'\ndef find():\n    return db.execute(f'SELECT * FROM {TABLE}')",
    "R011 imported": "from os import name as WORDS\ndb = None\ndef find():\n    return db.execute(f'SELECT {WORDS}')",
    "R011 joined": "db = None\ndef find(name):\n    parts = ['a = ?']\n    if name:\n        parts.append('b = ?')\n"
    "    return db.execute('SELECT * FROM t WHERE ' + ' AND '.join(parts), (name,))",
    "R011 prose": "log = None\ndef tell(name):\n    log.text(f'Select {name} from the list, O\\'Brien')\n"
    "    log.execute(f'{name} was updated')",
    "R011 quoted": "db = quote_ident = None\ndef find(name):\n    db.execute(f'SELECT * FROM {quote_ident(name)}')",
    "R012 segment": "@app.get('/a/{name}')\ndef a(name: str):\n    return FileResponse(f'files/{name}')",
    "R012 id": "@app.get('/a')\ndef a(n: UUID):\n    return FileResponse(f'files/{n}')",
    "R012 resolved": "from pathlib import Path\n@app.get('/a')\ndef a(name: str):\n"
    "    path = (Path('f') / name).resolve()\n"
    "    if not path.is_relative_to(Path('f').resolve()):\n        return None\n    return FileResponse(path)",
    "R012 constant": "@app.get('/a')\ndef a(name: str):\n    return FileResponse('files/terms.pdf')",
    "R013 limited": "def rate_limit(): ...\n@app.post('/login', dependencies=[Depends(rate_limit)])\n"
    "def a(word: Annotated[str, Form()]): ...",
    "R014 plain": "import time\n@app.get('/a')\ndef a():\n    time.sleep(1)",
    "R014 thread": "import asyncio, time\n@app.get('/a')\nasync def a():\n    await asyncio.to_thread(time.sleep, 1)",
    "R014 async": "import asyncio, httpx\n@app.get('/a')\nasync def a():\n    await asyncio.sleep(1)\n"
    "    async with httpx.AsyncClient() as c:\n        await c.get('https://a.example')",
    "R014 nested": "import time\n@app.get('/a')\nasync def a():\n"
    "    def later():\n        time.sleep(1)\n    return None",
}


@pytest.mark.parametrize("case", PLANTED)
def test_what_is_planted_is_found_once_with_its_line(case: str, examine: Examine) -> None:
    findings = found(examine(PLANTED[case]), case.partition(" ")[0])
    assert len(findings) == 1, case
    where = findings[0].location
    assert where
    assert where.path.startswith("examined")
    assert where.line


@pytest.mark.parametrize("case", SAFE)
def test_the_safe_way_is_no_finding(case: str, examine: Examine) -> None:
    assert found(examine(SAFE[case]), case.partition(" ")[0]) == []
