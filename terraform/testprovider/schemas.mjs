// Reads the resources that the modules use out of the CDKTF bindings of a
// provider, which are generated from its true schema, and prints them as JSON:
//
//   npm install @cdktf/provider-google@16.12.1
//   node schemas.mjs node_modules/@cdktf/provider-google google_storage_bucket data.google_project ... > google.json
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [root, ...names] = process.argv.slice(2);
const provider = root.match(/provider-([a-z]+)/)[1];

// members are the lines of an interface or class in a .d.ts.
function members(types, name) {
  const found = types.match(new RegExp(`export (?:interface|declare class) ${name} .*?\\n}`, "s"));
  return found ? found[0].split("\n") : [];
}

const scalar = { string: "string", number: "number", boolean: "bool" };

// typeOf turns the binding's TypeScript or its own words into Terraform's type.
function typeOf(entry) {
  const simple = entry.storageClassType.match(/^(string|number|boolean)(Map|List)?$/);
  if (!simple) return "dynamic";
  const element = scalar[simple[1]];
  return entry.type === "simple" ? element : [entry.type, element];
}

function readOnlyType(text) {
  if (text in scalar) return scalar[text];
  if (text === "cdktf.IResolvable") return "bool";
  if (text === "string[]") return ["list", "string"];
  if (text === "cdktf.StringMap") return ["map", "string"];
  return "dynamic";
}

// block reads one toHclTerraform function (or the resource's own) and the interface beside it.
function block(code, types, fn, iface) {
  const body = code.match(new RegExp(`${fn} ?\\{?.*?const attrs = \\{(.*?)\\n    +\\};`, "s"));
  const out = { attributes: {}, blocks: {} };
  if (!body) return out;
  const lines = members(types, iface);
  const pattern = /(\w+): \{\s*value: (.*?),\s*isBlock: (\w+),\s*type: "(\w+)",\s*storageClassType: "(\w+)"/gs;
  for (const [, name, value, isBlock, type, storageClassType] of body[1].matchAll(pattern)) {
    const line = lines.find((l) => l.match(new RegExp(`readonly ${name.replaceAll("_", "")}\\??:`, "i"))) ?? "";
    const required = !line.includes("?:");
    if (isBlock === "false") {
      out.attributes[name] = { type: typeOf({ type, storageClassType }), required };
      continue;
    }
    const inner = value.match(/(\w+)ToHclTerraform/)[1];
    const innerInterface = inner[0].toUpperCase() + inner.slice(1);
    const one = type === "struct" || !/\[\]/.test(line);
    const content = block(code, types, `function ${inner}ToHclTerraform\\(struct\\)`, innerInterface);
    readOnly(content, types, code, innerInterface + "OutputReference");
    out.blocks[name] = { nesting: type === "struct" ? "single" : type, required, one: one && type !== "struct", ...content };
  }
  return out;
}

// readOnly adds what the class has a getter for and the configuration has not.
function readOnly(out, types, code, cls) {
  const terraform = {};
  for (const [, getter, name] of code.matchAll(/get (\w+)\(\) \{\s*return this\.get\w+Attribute\('(\w+)'\)/g)) terraform[getter] ??= name;
  for (const line of members(types, cls)) {
    const getter = line.match(/^    get (\w+)\(\): (.+);/);
    if (!getter || getter[1].endsWith("Input") || getter[1] === "internalValue") continue;
    const name = terraform[getter[1]] ?? getter[1].replace(/[A-Z]/g, (c) => "_" + c.toLowerCase());
    if (name in out.attributes) out.attributes[name].computed = !out.attributes[name].required;
    else if (!(name in out.blocks)) out.attributes[name] = { type: readOnlyType(getter[2]), computed: true };
  }
}

const version = readFileSync(join(root, "README.md"), "utf8").match(/provider version ([0-9.]+)/)[1];
const result = { resources: {}, data: {} };
for (const full of names) {
  const data = full.startsWith("data.");
  const name = full.replace("data.", "").replace(provider + "_", "");
  const folder = join(root, "lib", (data ? `data-${provider}-` : "") + name.replaceAll("_", "-"));
  const code = readFileSync(join(folder, "index.js"), "utf8");
  const types = readFileSync(join(folder, "index.d.ts"), "utf8");
  const cls = types.match(/export declare class (\w+) extends cdktf\.Terraform(?:Resource|DataSource)/)[1];
  const out = block(code, types, "synthesizeHclAttributes\\(\\)", cls + "Config");
  readOnly(out, types, code, cls);
  result[data ? "data" : "resources"][full.replace("data.", "")] = out;
}
const lines = (named) => Object.entries(named).map(([name, schema]) => `  ${JSON.stringify(name)}: ${JSON.stringify(schema)}`).join(",\n");
console.log(`{"provider": "${provider}", "version": "${version}",
 "data": {
${lines(result.data)}
 },
 "resources": {
${lines(result.resources)}
 }
}`);
