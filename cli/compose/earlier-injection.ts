import { ComposeError } from './compose-error.ts';
import type { ComposeFile } from './compose-file.ts';
import { MARKER } from './layout-names.ts';
import { fieldsOf, isPlainList, isPlainMap, plainOf } from './yaml-fields.ts';

/** Whether `hauberk inject` wrote the file. */
export function wasInjected(file: ComposeFile): boolean {
  return fieldsOf(file.document, file.root).has(MARKER);
}

/** Finds services that were added to a file that `hauberk inject` wrote: they are not meshed. */
export function findAddedServices(file: ComposeFile): readonly ComposeError[] {
  const top = fieldsOf(file.document, file.root);
  const marker = plainOf(file.document, top.get(MARKER)?.value);
  const names = isPlainMap(marker) ? marker['services'] : undefined;
  const known = new Set(isPlainList(names) ? names : []);
  return [...fieldsOf(file.document, top.get('services')?.value).values()]
    .filter(({ key, value }) => !known.has(key) && !fieldsOf(file.document, value).has(MARKER))
    .map(({ key, keyNode }) => {
      const sentence = 'it was added to a file that hauberk inject wrote';
      return new ComposeError('injected-before', sentence, {
        location: file.locationOf(keyNode),
        service: key,
        hint: 'add it to the original file, and inject that again',
      });
    });
}
