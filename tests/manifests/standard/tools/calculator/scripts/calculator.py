import json
import operator
import sys

OPERATIONS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}

given = json.loads(sys.argv[1])
try:
    result = OPERATIONS[given["operation"]](given["a"], given["b"])
except ZeroDivisionError:
    json.dump({"success": False, "error": "division by zero"}, sys.stdout)
    sys.exit(1)
json.dump({"success": True, "result": result}, sys.stdout)
