"""Validates bodies of `POST /{Version}/{Phone-Number-ID}/messages` by Meta's published OpenAPI document.

The argument is the path of that YAML document. Reads one request body a line on standard input and answers each with `{"ok", "errors"}`.

As published, the document's message schemas refuse every message, its own examples among them. Four corrections are made in memory:

1. Each message type is `allOf` a base and a part of its own, and the part forbids what the base declares. The prohibition is moved to the
   whole, where it means what was meant: no member that neither of them declares.
2. A template's language needs its code only; `policy` is optional on the wire.
3. `biz_opaque_callback_data` is declared, as it is in the document's marketing messages.
4. A button's index is one digit; the published pattern refuses "0" and "1".

A body is held against the schema that its `type` names.
"""

import json
import sys

import yaml
from jsonschema import Draft202012Validator

PATH = "/{Version}/{Phone-Number-ID}/messages"
DIGIT = "^[0-9]$"


def resolve(document, node):
    """The node itself, or what its local reference names."""
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def correct(document, mapping):
    schemas = document["components"]["schemas"]
    for reference in mapping.values():
        message = resolve(document, {"$ref": reference})
        for part in message["allOf"]:
            part.pop("additionalProperties", None)
        message["unevaluatedProperties"] = False
    schemas["LanguageObject"]["required"] = ["code"]
    schemas["BaseMessageProperties"]["properties"]["biz_opaque_callback_data"] = {"type": "string", "maxLength": 512}
    schemas["TemplateComponent"]["properties"]["index"]["pattern"] = DIGIT
    for part in schemas["ButtonComponent"]["allOf"]:
        if "index" in part.get("properties", {}):
            part["properties"]["index"]["pattern"] = DIGIT


def follow_discriminators(document):
    """Makes every `discriminator` a check: JSON Schema itself gives it no meaning.

    In a schema without alternatives of its own, such as a template's components, the named subschema extends the base which carries the
    discriminator, so following it from the base would never end. What refers to the base is therefore made to refer to a choice.
    """
    schemas = document["components"]["schemas"]
    choices = {}
    for name, schema in schemas.items():
        discriminator = schema.get("discriminator") if isinstance(schema, dict) else None
        if discriminator and "mapping" in discriminator and "oneOf" not in schema and "anyOf" not in schema:
            choices[f"#/components/schemas/{name}"] = discriminator

    def visit(node, inside_all_of):
        if isinstance(node, list):
            for element in node:
                visit(element, inside_all_of)
        elif isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference in choices and not inside_all_of:
                discriminator = choices[reference]
                key = discriminator["propertyName"]
                del node["$ref"]
                node["allOf"] = [{"$ref": reference}] + [
                    {
                        "if": {"properties": {key: {"const": value}}, "required": [key]},
                        "then": {"$ref": target},
                    }
                    for value, target in discriminator["mapping"].items()
                ]
                return
            for key, value in node.items():
                visit(value, key == "allOf")

    visit(schemas, False)


class MessageSchemas:
    def __init__(self, document):
        body = document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
        self.mapping = resolve(document, body)["discriminator"]["mapping"]
        correct(document, self.mapping)
        follow_discriminators(document)
        self.validators = {
            kind: Draft202012Validator({"$ref": reference, "components": document["components"]})
            for kind, reference in self.mapping.items()
        }

    def errors(self, body):
        if not isinstance(body, dict):
            return ["$: must be an object"]
        validator = self.validators.get(body.get("type"))
        if validator is None:
            return [f"$.type: must be one of {', '.join(sorted(self.validators))}"]
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: verify_whatsapp.py OPENAPI.yaml")
    with open(sys.argv[1], encoding="utf-8") as file:
        schemas = MessageSchemas(yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    for line in sys.stdin:
        try:
            errors = schemas.errors(json.loads(line))
        except ValueError as error:
            errors = [f"not JSON: {error}"]
        print(json.dumps({"ok": not errors, "errors": errors}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
