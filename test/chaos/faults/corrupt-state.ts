import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nothingToHeal, targetOf, type Fault } from './fault.ts';

/** A file of a sidecar's state is damaged while the sidecar is away: cut off, emptied, or with a byte changed. */
export const corruptState: Fault = async ({ mesh }, planned) => {
  const name = targetOf(planned);
  const directory = mesh.stateDirectory(name);
  const victim = mesh.process(name);
  await victim.kill();
  const files = ['identity.json', 'view.json'].filter((file) =>
    readdirSync(directory).includes(file),
  );
  const file = files[planned.variant % files.length];
  if (file !== undefined) damage(join(directory, file), planned.variant >> 1);
  victim.start();
  return nothingToHeal;
};

function damage(file: string, way: number): void {
  const content = readFileSync(file);
  const middle = content.length >> 1;
  if (way === 0) truncateSync(file, middle);
  else if (way === 1) truncateSync(file, 0);
  else {
    content.writeUInt8(content.readUInt8(middle) ^ (way === 2 ? 0x01 : 0x80), middle);
    writeFileSync(file, content);
  }
}
