import { basename, dirname, resolve } from 'node:path';
import { isLabel } from '../../common/names.ts';
import { ComposeError } from './compose-error.ts';
import type { ComposeFile } from './compose-file.ts';
import { hasVariable } from './variables.ts';
import { fieldsOf, plainOf } from './yaml-fields.ts';

/**
 * The name of the project, which is the namespace of its services in the mesh: the `name` in the
 * file or the name of its folder, made to fit as Compose does it.
 *
 * @throws ComposeError when no name comes of that
 */
export function projectName(file: ComposeFile): string {
  const field = fieldsOf(file.document, file.root).get('name');
  const location = file.locationOf(field?.keyNode);
  const hint = 'give the name with --project NAME';
  const written = field === undefined ? undefined : plainOf(file.document, field.value);
  if (typeof written === 'string' && hasVariable(written)) {
    const sentence = `the name of the project is the variable ${written}`;
    throw new ComposeError('value-variable', sentence, { location, hint });
  }
  const name = typeof written === 'string' ? written : basename(dirname(resolve(file.path)));
  const fitting = name
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[-_]+|[-_]+$/g, '');
  if (isLabel(fitting)) return fitting;
  const sentence = `${JSON.stringify(name)} cannot be the name of a project`;
  throw new ComposeError('value-unfit', sentence, { location, hint });
}
