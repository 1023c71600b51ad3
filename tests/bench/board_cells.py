"""What runs in the kernel of :mod:`tests.bench.board`: the same changes, shown in three ways.

Beside them there is what makes the changes in the jobs' loop, without jobs' reports and a board.
"""

DRIVER = """
import statistics, threading, time
changing = range(0)  # the rows that change with every tick
def drive():
    for tick in range(1, 10**9):
        if changing: change(tick)
        time.sleep(0.1)
def spin(seconds):
    until, turns = time.perf_counter() + seconds, 0
    while time.perf_counter() < until:
        turns += 1
    return turns
def compute(seconds, rows):
    global changing
    slower = []
    for _ in range(4):
        changing = range(0); time.sleep(1.5)  # what is out of sight is told within a second
        still = spin(seconds / 4)
        print("changing", flush=True)
        changing = rows; slower.append(1 - spin(seconds / 4) / still)
        print("still", flush=True)
    changing = range(0)
    print(statistics.median(slower))
"""

BARE = """
import anywidget, struct
class Board(anywidget.AnyWidget):
    _esm = "export default {{}}"
board = Board()
def change(tick):
    rows = [struct.pack("<IffHB", row, tick, tick / 2, 1, 2) for row in changing]
    board.send({{"kind": "frame"}}, [b"".join(rows)])
threading.Thread(target=drive, daemon=True).start()
"""

WIDGETS = """
import ipywidgets
rows = [ipywidgets.IntProgress(max=10**9) for _ in range({rows})]
def change(tick):
    for row in changing: rows[row].value = tick
threading.Thread(target=drive, daemon=True).start()
"""

JOBS = """
import contextvars, trio
import jobactors as ja
inside = {{}}
report = ja.progress
async def work(row):
    inside[row] = contextvars.copy_context()
    await trio.sleep_forever()
jobs = ja.start(max_running=None)
for row in range({rows}): jobs.submit(work, row)
while len(inside) < {rows}: time.sleep(0.1)
async def drive(_jobs):
    for tick in range(1, 10**9):
        for row in changing: inside[row].run(report, tick, 10**9)
        await trio.sleep(0.1)
ja.lowlevel.attach(jobs, drive)
jobs
"""

DRIVING = JOBS.removesuffix("jobs\n").replace("ja.progress", "lambda done, total: None")
"""The same tasks in the same loop, which report nothing and are shown nowhere."""
