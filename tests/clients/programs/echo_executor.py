"""An executor written for pycolonies: echoes, adds, writes logs, until it is told to stop."""

import sys

from pycolonies import Crypto, colonies_client

KIND = sys.argv[1]

colonies, colonyname, colony_prvkey, _, _ = colonies_client()
prvkey = Crypto().prvkey()
name = f"{KIND}-executor"
colonies.add_executor(
    {
        "executorname": name,
        "executorid": Crypto().id(prvkey),
        "colonyname": colonyname,
        "executortype": KIND,
    },
    colony_prvkey,
)
colonies.approve_executor(colonyname, name, colony_prvkey)
for function in ("echo", "add", "stop"):
    colonies.add_function(colonyname, name, function, prvkey)

running = True
while running:
    try:
        process = colonies.assign(colonyname, 60, prvkey)
    except Exception as error:  # noqa: BLE001 (this is how its executors are written)
        sys.stderr.write(f"{error}\n")
        continue
    colonies.add_log(process.processid, f"doing {process.spec.funcname}", prvkey)
    if process.spec.funcname == "fail":
        colonies.fail(process.processid, ["as told"], prvkey)
    elif process.spec.funcname == "add":
        colonies.add_attribute(process.processid, "terms", str(len(process.input)), prvkey)
        colonies.close(process.processid, [sum(process.input)], prvkey)
    else:
        running = process.spec.funcname != "stop"
        colonies.close(process.processid, process.spec.args, prvkey)
colonies.remove_executor(colonyname, name, colony_prvkey)
