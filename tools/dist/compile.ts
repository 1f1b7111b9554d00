// Compiles a part as an executable does, and writes the compiled code: node FLAGS compile.ts PART OUTPUT.
import { readFileSync, writeFileSync } from 'node:fs';
import { SourceTextModule } from 'node:vm';

const [, , part = '', output = ''] = process.argv;
// Its types know this method of scripts only.
const compiled = new SourceTextModule(readFileSync(part, 'latin1')) as SourceTextModule & {
  createCachedData(): Buffer;
};
writeFileSync(output, compiled.createCachedData());
