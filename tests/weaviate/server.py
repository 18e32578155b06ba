#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for Weaviate: its REST and GraphQL interfaces over objects in memory.

It answers as Weaviate's OpenAPI document says: schema, objects, batches, batch deletion and GraphQL
Get, evaluated over what was really stored, with the habits of its indexes (tokens, stop words,
trimmed names, QUERY_MAXIMUM_RESULTS). It is no vector database and it forgets all when it ends.

    server.py [--port 0] [--api-key KEY] [--maximum-results 10000]

prints "port N" once it listens, and ends when its standard input does. Tests make it misbehave with
PUT /stand-in/faults, a JSON object of: fail_objects (how many objects of coming batches fail, inside
a 200), fail_message, status (answered to every call), body (with it), delay_s (before each answer),
close (the connection is cut), read_only (deletions fail). An empty object ends all faults.
GET /stand-in/calls lists the calls so far.
"""
import argparse
import json
import re
import sys
import threading
import time
import uuid
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STOP_WORDS_EN = set("a an and are as at be but by for if in into is it no not of on or such that the "
                    "their then there these they this to was will with".split())
TYPES = {"text", "text[]", "string", "int", "number", "boolean", "date", "uuid", "object"}
TOKENIZATIONS = {"word", "lowercase", "whitespace", "field", "trigram"}
CLASS_FIELDS = {"class", "vectorizer", "invertedIndexConfig", "properties", "description", "moduleConfig",
                "vectorIndexType", "vectorIndexConfig", "replicationConfig", "shardingConfig",
                "multiTenancyConfig", "vectorConfig"}
PROPERTY_FIELDS = {"name", "dataType", "tokenization", "indexFilterable", "indexSearchable", "indexInverted",
                   "indexRangeFilters", "description", "moduleConfig", "nestedProperties"}
OBJECT_FIELDS = {"class", "id", "properties", "vector", "vectors", "creationTimeUnix", "lastUpdateTimeUnix",
                 "tenant", "additional", "vectorWeights"}
WHERE_FIELDS = {"operator", "operands", "path", "valueText", "valueString", "valueInt", "valueNumber",
                "valueBoolean", "valueDate", "valueTextArray", "valueStringArray", "valueIntArray",
                "valueNumberArray", "valueBooleanArray", "valueDateArray", "valueGeoRange"}
COMPARISONS = {"Equal", "NotEqual", "GreaterThan", "GreaterThanEqual", "LessThan", "LessThanEqual", "Like",
               "IsNull", "ContainsAny", "ContainsAll"}
VALUE_OF_TYPE = {"text": {"valueText", "valueString"}, "string": {"valueText", "valueString"},
                 "text[]": {"valueText"}, "uuid": {"valueText", "valueString"}, "int": {"valueInt"},
                 "number": {"valueNumber"}, "boolean": {"valueBoolean"}, "date": {"valueDate"}}


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


# ---- GraphQL -------------------------------------------------------------------------------------

class Word(str):
    """A name in a place for values: an enum."""


TOKEN = re.compile(r'[\s,\ufeff]+|#[^\n\r]*|(?P<punct>\.\.\.|[{}()\[\]:$!=@|])|(?P<name>[_A-Za-z]\w*)'
                   r'|(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)'
                   r'|"""(?P<block>(?:[^"\\]|\\"""|\\|"(?!""))*)"""'
                   r'|"(?P<string>(?:[^"\\\n\r\x00-\x08\x0b\x0c\x0e-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*)"',
                   re.ASCII)


def tokens_of(text):
    tokens, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Refused(200, f"Syntax Error GraphQL request (1:{at + 1}) Unexpected character")
        at = match.end()
        kind = match.lastgroup
        if kind == "string":
            tokens.append(("string", json.loads(match.group(0), strict=False)))
        elif kind == "block":
            tokens.append(("string", match.group("block").replace('\\"""', '"""')))
        elif kind == "number":
            number = match.group("number")
            tokens.append(("number", float(number) if re.search("[.eE]", number) else int(number)))
        elif kind:
            tokens.append((kind, match.group(0)))
    tokens.append(("end", ""))
    return tokens


class Parser:
    def __init__(self, text, variables):
        self.tokens = tokens_of(text)
        self.at = 0
        self.variables = variables

    def next(self):
        token = self.tokens[self.at]
        self.at += 1
        return token

    def is_punct(self, text):
        return self.tokens[self.at] == ("punct", text)

    def take(self, text):
        if self.is_punct(text):
            self.at += 1
            return True
        return False

    def expect(self, text):
        if not self.take(text):
            raise Refused(200, f"Syntax Error GraphQL request: Expected {text}, found {self.tokens[self.at][1]!r}")

    def name(self):
        kind, text = self.next()
        if kind != "name":
            raise Refused(200, f"Syntax Error GraphQL request: Expected Name, found {text!r}")
        return text

    def document(self):
        if self.tokens[self.at] == ("name", "query"):
            self.next()
            if self.tokens[self.at][0] == "name":
                self.next()
            if self.take("("):
                while not self.take(")"):
                    self.next()
        selection = self.selection()
        if self.tokens[self.at][0] != "end":
            raise Refused(200, "Syntax Error GraphQL request: Unexpected text after the query")
        return selection

    def selection(self):
        self.expect("{")
        fields = []
        while not self.take("}"):
            alias = name = self.name()
            if self.take(":"):
                name = self.name()
            arguments = {}
            if self.take("("):
                while not self.take(")"):
                    key = self.name()
                    self.expect(":")
                    if key in arguments:
                        raise Refused(200, f'There can be only one argument named "{key}".')
                    arguments[key] = self.value()
            fields.append((alias, name, arguments, self.selection() if self.is_punct("{") else None))
        if not fields:
            raise Refused(200, "Syntax Error GraphQL request: Expected Name, found }")
        return fields

    def value(self):
        if self.take("["):
            items = []
            while not self.take("]"):
                items.append(self.value())
            return items
        if self.take("{"):
            members = {}
            while not self.take("}"):
                key = self.name()
                self.expect(":")
                if key in members:
                    raise Refused(200, f'There can be only one input field named "{key}".')
                members[key] = self.value()
            return members
        if self.take("$"):
            return self.variables.get(self.name())
        kind, value = self.next()
        if kind in ("string", "number"):
            return value
        if kind == "name":
            return {"true": True, "false": False, "null": None}.get(value, Word(value))
        raise Refused(200, f"Syntax Error GraphQL request: Unexpected {value!r}")


# ---- the database --------------------------------------------------------------------------------

def check_fields(what, value, allowed):
    if not isinstance(value, dict):
        raise Refused(422, f"{what} must be an object")
    for name in value:
        if name not in allowed:
            raise Refused(422, f"{what}.{name} in body is a forbidden property")


def tokenize(tokenization, text):
    if tokenization == "field":
        return [text.strip()] if text.strip() else []
    if tokenization == "whitespace":
        return text.split()
    if tokenization == "lowercase":
        return text.lower().split()
    return [token.lower() for token in re.findall(r"[^\W_]+", text)]


def moment(text):
    """Nanoseconds since 1970 of an RFC 3339 time."""
    if not isinstance(text, str) or not re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        raise ValueError(text)
    return int(datetime.fromisoformat(re.sub(r"\.(\d+)", lambda m: "." + m.group(1)[:6].ljust(6, "0"),
                                             text.replace("Z", "+00:00"))).timestamp() * 1e9)


def check_value(name, kind, value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_sound = {
        "text": isinstance(value, str), "string": isinstance(value, str), "uuid": isinstance(value, str),
        "text[]": isinstance(value, list) and all(isinstance(item, str) for item in value),
        "int": is_number and value == int(value), "number": is_number, "boolean": isinstance(value, bool),
        "date": isinstance(value, str), "object": isinstance(value, dict),
    }[kind]
    if is_sound and kind == "date":
        try:
            moment(value)
        except ValueError:
            is_sound = False
    if not is_sound:
        raise Refused(422, f"invalid {kind} property '{name}' on class: not a {kind}, but {type(value).__name__}")


class Collection:
    def __init__(self, definition):
        check_fields("objectClass", definition, CLASS_FIELDS)
        name = definition.get("class")
        if not isinstance(name, str) or not re.fullmatch("[A-Z][_0-9A-Za-z]*", name):
            raise Refused(422, f"'{name}' is not a valid class name")
        stop = definition.get("invertedIndexConfig", {}).get("stopwords", {}).get("preset", "en")
        if stop not in ("en", "none"):
            raise Refused(422, f"stopwords preset '{stop}' does not exist")
        self.stop_words = STOP_WORDS_EN if stop == "en" else set()
        self.definition = dict(definition, properties=[])
        self.properties = {}
        self.objects = {}
        for item in definition.get("properties", []):
            self.add_property(item)

    def add_property(self, item):
        check_fields("property", item, PROPERTY_FIELDS)
        name, types = item.get("name"), item.get("dataType")
        if not isinstance(name, str) or not re.fullmatch("[_A-Za-z][_0-9A-Za-z]{0,230}", name):
            raise Refused(422, f"'{name}' is not a valid property name")
        if name in ("id", "_id", "_additional"):
            raise Refused(422, f"'{name}' is a reserved property name")
        if not isinstance(types, list) or len(types) != 1 or types[0] not in TYPES:
            raise Refused(422, f"property '{name}': invalid dataType: {types}")
        if name.lower() in (other.lower() for other in self.properties):
            raise Refused(422, f"class {self.definition['class']}: conflict for property '{name}': already in use")
        is_text = types[0] in ("text", "text[]", "string")
        tokenization = item.get("tokenization")
        if tokenization and (not is_text or tokenization not in TOKENIZATIONS):
            raise Refused(422, f"Tokenization '{tokenization}' is not allowed for data type '{types[0]}'")
        if not is_text and item.get("indexSearchable"):
            raise Refused(422, "`indexSearchable` is allowed only for text/text[] data types")
        full = {"indexFilterable": True, "indexSearchable": is_text, **item}
        if is_text:
            full.setdefault("tokenization", "word")
        self.properties[name] = full
        self.definition["properties"].append(full)

    def guess_property(self, name, value):
        """Auto-schema."""
        kind = "text"
        if isinstance(value, bool):
            kind = "boolean"
        elif isinstance(value, (int, float)):
            kind = "number"
        elif isinstance(value, dict):
            kind = "object"
        elif isinstance(value, list):
            kind = "text[]"
        elif isinstance(value, str):
            try:
                moment(value)
                kind = "date"
            except ValueError:
                pass
        self.add_property({"name": name, "dataType": [kind]})

    def put(self, item):
        identifier = item.get("id") or str(uuid.uuid4())
        try:
            identifier = str(uuid.UUID(identifier))
        except (ValueError, AttributeError, TypeError):
            raise Refused(422, f"id in body must be of type uuid: {json.dumps(identifier)}")
        properties = item.get("properties") or {}
        if not isinstance(properties, dict):
            raise Refused(422, "invalid object: properties must be an object")
        for name, value in properties.items():
            if value is not None and name not in self.properties:
                self.guess_property(name, value)
            if value is not None:
                check_value(name, self.properties[name]["dataType"][0], value)
        now = int(time.time() * 1000)
        before = self.objects.get(identifier)
        self.objects[identifier] = {
            "class": self.definition["class"], "id": identifier,
            "creationTimeUnix": before["creationTimeUnix"] if before else now, "lastUpdateTimeUnix": now,
            # Go keeps every number as a double.
            "properties": {name: float(value) if self.properties[name]["dataType"][0] == "number" else value
                           for name, value in properties.items() if value is not None},
        }
        return self.objects[identifier]

    # ---- filters

    def value_of(self, item, name):
        return item["id"] if name in ("id", "_id") else item["properties"].get(name)

    def kind_of(self, name):
        if name in ("id", "_id"):
            return "uuid"
        if name not in self.properties:
            raise Refused(422, f"no such prop with name '{name}' found in class '{self.definition['class']}'")
        return self.properties[name]["dataType"][0]

    def check_where(self, where):
        check_fields("where", where, WHERE_FIELDS)
        operator = where.get("operator")
        if operator in ("And", "Or"):
            if not isinstance(where.get("operands"), list) or not where["operands"] or "path" in where:
                raise Refused(422, f"invalid where filter: operator {operator} needs operands and no path")
            for operand in where["operands"]:
                self.check_where(operand)
            return
        if operator not in COMPARISONS:
            raise Refused(422, f"invalid where filter: unrecognized operator: {operator}")
        path = where.get("path")
        if not isinstance(path, list) or len(path) != 1 or not isinstance(path[0], str):
            raise Refused(422, "invalid where filter: field 'path': must have at least one element")
        values = [name for name in where if name.startswith("value")]
        if len(values) != 1:
            raise Refused(422, "invalid where filter: got operator, but not exactly one value<Type> field")
        kind = self.kind_of(path[0])
        allowed = VALUE_OF_TYPE.get(kind, set())
        given = values[0].removesuffix("Array")
        is_list = isinstance(where[values[0]], list)
        if operator == "IsNull":
            allowed, given = {"valueBoolean"}, values[0]
        if given not in allowed:
            raise Refused(422, f'data type filter cannot use "{values[0]}" on type "{kind}", '
                               f'use "{sorted(allowed)[:1]}" instead')
        if is_list != (operator in ("ContainsAny", "ContainsAll")):
            raise Refused(422, f"operator {operator}: wrong number of values")
        if path[0] in self.properties and not self.properties[path[0]]["indexFilterable"]:
            raise Refused(422, f"Filtering by property '{path[0]}' requires inverted index")
        items = where[values[0]] if is_list else [where[values[0]]]
        for item in items:
            is_number = isinstance(item, (int, float)) and not isinstance(item, bool)
            is_sound = {"valueText": isinstance(item, str), "valueString": isinstance(item, str),
                        "valueDate": isinstance(item, str), "valueBoolean": isinstance(item, bool),
                        "valueInt": is_number and isinstance(item, int), "valueNumber": is_number}[given]
            if not is_sound or isinstance(item, Word):
                raise Refused(422, f"invalid where filter: {values[0]} has a wrong type")
        if given in ("valueText", "valueString") and path[0] in self.properties and operator != "Like":
            for item in items:
                self.terms(path[0], item)

    def terms(self, name, text):
        terms = [term for term in tokenize(self.properties[name].get("tokenization"), text)
                 if term not in self.stop_words]
        if not terms:
            raise Refused(422, "invalid search term, only stopwords provided. Stopwords can be configured in "
                               "class.invertedIndexConfig.stopwords")
        return terms

    def matches(self, item, where):
        operator = where["operator"]
        if operator == "And":
            return all(self.matches(item, operand) for operand in where["operands"])
        if operator == "Or":
            return any(self.matches(item, operand) for operand in where["operands"])
        name = where["path"][0]
        wanted = next(value for key, value in where.items() if key.startswith("value"))
        have = self.value_of(item, name)
        if operator == "IsNull":
            return (have is None) == wanted
        if operator in ("ContainsAny", "ContainsAll"):
            test = any if operator == "ContainsAny" else all
            return test(self.compare(name, "Equal", have, one) for one in wanted)
        return self.compare(name, operator, have, wanted)

    def compare(self, name, operator, have, wanted):
        if have is None:
            return operator == "NotEqual"
        kind = self.kind_of(name)
        if kind in ("text", "text[]", "string"):
            tokenization = self.properties[name].get("tokenization")
            texts = have if isinstance(have, list) else [have]
            tokens = {token for text in texts for token in tokenize(tokenization, text)}
            if operator == "Like":
                pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in wanted)
                return any(re.fullmatch(pattern, token, re.S) for token in tokens)
            terms = self.terms(name, wanted)
            if operator in ("Equal", "NotEqual"):
                return all(term in tokens for term in terms) == (operator == "Equal")
            return any(self.order(operator, token, term) for token in tokens for term in terms)
        if kind == "date":
            have, wanted = moment(have), moment(wanted)
        if kind in ("number", "int"):
            have, wanted = float(have), float(wanted)
        return self.order(operator, have, wanted)

    @staticmethod
    def order(operator, have, wanted):
        return {"Equal": have == wanted, "NotEqual": have != wanted, "GreaterThan": have > wanted,
                "GreaterThanEqual": have >= wanted, "LessThan": have < wanted,
                "LessThanEqual": have <= wanted}[operator]

    # ---- Get

    def sort(self, items, sort):
        for step in reversed(sort if isinstance(sort, list) else [sort]):
            if not isinstance(step, dict) or set(step) - {"path", "order"} or step.get("order", "asc") not in ("asc", "desc"):
                raise Refused(422, "invalid 'sort' parameter")
            if not isinstance(step.get("path"), list) or len(step["path"]) != 1:
                raise Refused(422, "invalid 'sort' parameter: path must be of one element")
            name = step["path"][0]
            kind = self.kind_of(name)

            def key(item):
                value = self.value_of(item, name)
                if value is not None and kind == "date":
                    value = moment(value)
                return (value is not None, value if value is not None else 0)
            items.sort(key=key, reverse=step.get("order") == "desc")
        return items

    def bm25(self, items, search):
        if not isinstance(search, dict) or set(search) - {"query", "properties", "searchOperator"}:
            raise Refused(422, "invalid 'bm25' parameter")
        names = [name.split("^")[0] for name in search.get("properties") or
                 [name for name, item in self.properties.items() if item["indexSearchable"]]]
        scored = []
        for item in items:
            score = 0
            for name in names:
                value = item["properties"].get(name)
                tokens = tokenize(self.properties[name].get("tokenization"), value) if isinstance(value, str) else []
                terms = tokenize(self.properties[name].get("tokenization"), search["query"])
                score += sum(tokens.count(term) / (1 + len(tokens)) for term in terms if term not in self.stop_words)
            if score:
                scored.append((score, item))
        scored.sort(key=lambda pair: -pair[0])
        return [item for _, item in scored]


class Database:
    def __init__(self, maximum_results):
        self.maximum_results = maximum_results
        self.collections = {}
        self.lock = threading.Lock()
        self.faults = {}
        self.calls = []

    def collection(self, name, code=422):
        if name not in self.collections:
            raise Refused(code, f"class '{name}' not found in schema" if code != 404 else "")
        return self.collections[name]

    def graphql(self, body):
        check_fields("body", body, {"query", "variables", "operationName"})
        if not isinstance(body.get("query"), str):
            raise Refused(422, "query cannot be empty")
        try:
            data = {}
            for alias, name, _, selection in Parser(body["query"], body.get("variables") or {}).document():
                if name not in ("Get", "Aggregate") or not selection:
                    raise Refused(200, f'Cannot query field "{name}" on type "WeaviateObj".')
                data[alias] = {one[0]: (self.get if name == "Get" else self.aggregate)(*one[1:]) for one in selection}
            return {"data": data}
        except Refused as refused:
            return {"data": None, "errors": [{"message": str(refused), "locations": [], "path": None}]}

    def aggregate(self, name, arguments, selection):
        items = self.find(name, {"where": arguments["where"]} if "where" in arguments else {}, None)
        if [field[:2] for field in selection] != [("meta", "meta")]:
            raise Refused(200, "only meta{count} is aggregated here")
        return [{"meta": {"count": len(items)}}]

    def find(self, name, arguments, limit):
        if name not in self.collections:
            raise Refused(200, f'Cannot query field "{name}" on type "GetObjectsObj".')
        collection = self.collections[name]
        items = list(collection.objects.values())
        if "where" in arguments:
            collection.check_where(arguments["where"])
            items = [item for item in items if collection.matches(item, arguments["where"])]
        if "bm25" in arguments:
            items = collection.bm25(items, arguments["bm25"])
        if "sort" in arguments:
            items = collection.sort(items, arguments["sort"])
        offset = arguments.get("offset", 0)
        if limit is not None and (not isinstance(offset, int) or offset < 0 or offset + limit > self.maximum_results):
            raise Refused(200, "invalid pagination params: query maximum results exceeded")
        return items if limit is None else items[offset:offset + limit]

    def get(self, name, arguments, selection):
        unknown = set(arguments) - {"limit", "offset", "after", "sort", "where", "bm25", "tenant"}
        if unknown:
            raise Refused(200, f'Unknown argument "{sorted(unknown)[0]}" on field "{name}" of type "GetObjectsObj".')
        limit = arguments.get("limit", 100)
        if not isinstance(limit, int) or limit < 1:
            raise Refused(200, 'Argument "limit" has invalid value.')
        if not selection:
            raise Refused(200, f'Field "{name}" of type "[{name}]" must have a sub selection.')
        collection = self.collections.get(name)
        rows = []
        for alias, field, _, inner in selection if collection else []:
            if field != "_additional" and field not in collection.properties:
                raise Refused(200, f'Cannot query field "{field}" on type "{name}".')
        for item in self.find(name, arguments, limit):
            row = {}
            for alias, field, _, inner in selection:
                if field == "_additional":
                    additional = {"id": item["id"], "creationTimeUnix": str(item["creationTimeUnix"]),
                                  "lastUpdateTimeUnix": str(item["lastUpdateTimeUnix"]), "score": "0"}
                    row[alias] = {one[0]: additional.get(one[1]) for one in inner or []}
                else:
                    row[alias] = item["properties"].get(field)
            rows.append(row)
        return rows

    def batch_put(self, body):
        check_fields("body", body, {"objects", "fields"})
        if not isinstance(body.get("objects"), list) or not body["objects"]:
            raise Refused(422, "invalid param 'objects': cannot be empty, need at least one object for batching")
        replies = []
        for item in body["objects"]:
            check_fields("objects", item, OBJECT_FIELDS)
            try:
                if self.faults.get("fail_objects", 0) > 0:
                    self.faults["fail_objects"] -= 1
                    raise Refused(422, self.faults.get("fail_message", "put object: shard is read-only"))
                if item.get("class") not in self.collections:
                    self.collections[item.get("class")] = Collection({"class": item.get("class")})
                stored = self.collections[item["class"]].put(item)
                replies.append({**stored, "deprecations": None, "result": {"status": "SUCCESS"}})
            except Refused as refused:
                replies.append({**item, "result": {"status": "FAILED", "errors": {"error": [{"message": str(refused)}]}}})
        return replies

    def batch_delete(self, body):
        check_fields("body", body, {"match", "output", "dryRun", "deletionTimeUnixMilli"})
        match = body.get("match")
        check_fields("match", match, {"class", "where"})
        if body.get("output", "minimal") not in ("minimal", "verbose"):
            raise Refused(422, "invalid output")
        collection = self.collection(match.get("class"))
        if not isinstance(match.get("where"), dict):
            raise Refused(422, "empty match.where clause")
        collection.check_where(match["where"])
        found = [key for key, item in collection.objects.items() if collection.matches(item, match["where"])]
        taken = found[:self.maximum_results]
        failed = len(taken) if self.faults.get("read_only") else 0
        if not failed and not body.get("dryRun"):
            for key in taken:
                del collection.objects[key]
        return {"match": match, "output": body.get("output", "minimal"), "dryRun": bool(body.get("dryRun")),
                "results": {"matches": len(found), "limit": self.maximum_results,
                            "successful": 0 if failed or body.get("dryRun") else len(taken), "failed": failed}}


# ---- HTTP ----------------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    database = None
    api_key = None

    def log_message(self, *arguments):
        pass

    def answer(self, code, value=None):
        body = b"" if value is None else json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        # As Go does it, for pages.
        body = body.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
        self.send_response(code)
        if code != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if code != 204 and self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if not self.raw:
            raise Refused(422, "body in body is required")
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "unsupported media type")
        try:
            return json.loads(self.raw)
        except ValueError:
            raise Refused(400, "parsing body: invalid character")

    def stand_in(self):
        if self.path == "/stand-in/faults":
            self.database.faults = self.body()
        return self.answer(200, self.database.calls)

    def misbehave(self):
        faults = self.database.faults
        time.sleep(faults.get("delay_s", 0))
        if faults.get("close"):
            self.close_connection = True
            return True
        if "status" in faults:
            self.answer(faults["status"], faults.get("body"))
            return True
        return False

    def handle_call(self):
        self.raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/stand-in/"):
            return self.stand_in()
        self.database.calls.append([self.command, self.path.split("?")[0]])
        if self.misbehave():
            return None
        if self.api_key and self.headers.get("Authorization") != "Bearer " + self.api_key:
            return self.answer(401, {"code": 401, "message": "anonymous access not enabled, please provide a valid api key"})
        try:
            with self.database.lock:
                code, value = self.route(self.path.split("?")[0])
            return self.answer(code, value)
        except Refused as refused:
            return self.answer(refused.code, {"error": [{"message": str(refused)}]} if str(refused) else None)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_call

    def route(self, path):
        database, method = self.database, self.command
        if path in ("/v1/.well-known/ready", "/v1/.well-known/live"):
            return 200, None
        if path == "/v1/.well-known/openid-configuration":
            raise Refused(404, "")
        if path == "/v1/meta":
            return 200, {"hostname": "http://[::]:8080", "version": "1.30.5", "modules": {}}
        if path == "/v1/schema":
            return self.route_schema(method)
        match = re.fullmatch(r"/v1/schema/([^/]+)(/properties)?", path)
        if match:
            return self.route_class(method, *match.groups())
        if path == "/v1/batch/objects" and method == "POST":
            return 200, database.batch_put(self.body())
        if path == "/v1/batch/objects" and method == "DELETE":
            return 200, database.batch_delete(self.body())
        if path == "/v1/graphql" and method == "POST":
            return 200, database.graphql(self.body())
        if path == "/v1/objects" and method == "POST":
            item = self.body()
            check_fields("body", item, OBJECT_FIELDS)
            collection = database.collection(item.get("class"))
            if item.get("id") in collection.objects:
                raise Refused(422, f"id '{item['id']}' already exists")
            return 200, collection.put(item)
        match = re.fullmatch(r"/v1/objects/([^/]+)/([^/]+)", path)
        if match:
            return self.route_object(method, *match.groups())
        raise Refused(404, f"path {path} was not found")

    def route_schema(self, method):
        database = self.database
        if method == "GET":
            return 200, {"classes": [one.definition for one in database.collections.values()]}
        if method != "POST":
            raise Refused(405, f"method {method} is not allowed")
        collection = Collection(self.body())
        if collection.definition["class"] in database.collections:
            raise Refused(422, f"class name {collection.definition['class']} already exists")
        database.collections[collection.definition["class"]] = collection
        return 200, collection.definition

    def route_class(self, method, name, properties):
        database = self.database
        if properties and method == "POST":
            item = self.body()
            database.collection(name).add_property(item)
            return 200, item
        if not properties and method == "GET":
            return 200, database.collection(name, 404).definition
        if not properties and method == "DELETE":
            database.collections.pop(name, None)
            return 200, None
        raise Refused(405, f"method {method} is not allowed")

    def route_object(self, method, name, identifier):
        try:
            identifier = str(uuid.UUID(identifier))
        except ValueError:
            raise Refused(422, "id in path must be of type uuid")
        objects = self.database.collection(name, 404).objects
        if identifier not in objects:
            raise Refused(404, "")
        if method == "GET":
            return 200, objects[identifier]
        if method == "HEAD":
            return 204, None
        if method == "DELETE":
            del objects[identifier]
            return 204, None
        raise Refused(405, f"method {method} is not allowed")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--api-key")
    arguments.add_argument("--maximum-results", type=int, default=10000)
    options = arguments.parse_args()
    Handler.database = Database(options.maximum_results)
    Handler.api_key = options.api_key
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"port {server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
