import { ROOT_DIGEST_LENGTH } from './root-digest.ts';
import { JoinTokenError } from './join-token-error.ts';
import { SECRET_LENGTH } from './token-secret.ts';

/**
 * The parts of a join token:
 *
 *     hbk-1-<digest>-<id>-<secret>
 *      |  |     |      |      '- 25 characters, 128 random bits; the proof
 *      |  |     |      '- 1 to 32 characters; the token's name in lists and logs
 *      |  |     '- 50 characters, SHA-256 of the root certificate's DER; pins the control plane
 *      |  '- version of this grammar
 *      '- marks it for people and for secret scanners
 *
 * Lower-case base36 throughout, so that it is shell-safe and one double click selects a part.
 */
export interface JoinToken {
  readonly rootDigest: string;
  readonly id: string;
  readonly secret: string;
}

const MARK = 'hbk';
const VERSION = '1';
const PART_COUNT = 5;
const MAX_ID_LENGTH = 32;
const HINT = 'make a new one with `hauberk token create` and copy all of it';

/** Writes a token. Throws JoinTokenError `token-malformed` for parts that could not be read back. */
export function formatJoinToken(token: JoinToken): string {
  const { rootDigest, id, secret } = requireParts(token);
  return [MARK, VERSION, rootDigest, id, secret].join('-');
}

/**
 * Reads a token; white space around it is ignored, since files end in a newline.
 *
 * @throws JoinTokenError `token-malformed`, saying which part is wrong and never showing it
 */
export function parseJoinToken(text: string): JoinToken {
  const parts = text.trim().split('-');
  const [mark, version, rootDigest = '', id = '', secret = ''] = parts;
  if (mark !== MARK) throw malformed(`expected a join token that begins with ${MARK}-`);
  if (version !== VERSION) {
    throw malformed(`expected a join token of version ${VERSION}, got one of another version`);
  }
  if (parts.length !== PART_COUNT) {
    const expected = `expected a join token of ${PART_COUNT} parts joined by hyphens`;
    throw malformed(`${expected}, got ${parts.length}`);
  }
  return requireParts({ rootDigest, id, secret });
}

function requireParts(token: JoinToken): JoinToken {
  requirePart('root digest', token.rootDigest, ROOT_DIGEST_LENGTH, ROOT_DIGEST_LENGTH);
  requirePart('id', token.id, 1, MAX_ID_LENGTH);
  requirePart('secret', token.secret, SECRET_LENGTH, SECRET_LENGTH);
  return token;
}

function requirePart(name: string, value: string, minLength: number, maxLength: number): void {
  if (value.length < minLength || value.length > maxLength) {
    const wanted = minLength === maxLength ? `${minLength}` : `${minLength} to ${maxLength}`;
    const expected = `expected the join token's ${name} to have ${wanted} characters`;
    throw malformed(`${expected}, got ${value.length}`);
  }
  if (!/^[0-9a-z]+$/.test(value)) {
    const expected = `expected the join token's ${name} to hold only 0-9 and a-z`;
    throw malformed(`${expected}, got another character`);
  }
}

function malformed(message: string): JoinTokenError {
  return new JoinTokenError('token-malformed', message, { hint: HINT });
}
