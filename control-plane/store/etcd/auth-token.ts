import { AuthService } from '../../../proto/gen/etcdserverpb/rpc.ts';
import type {
  AuthenticateRequest,
  AuthenticateResponse,
} from '../../../proto/gen/etcdserverpb/rpc.ts';
import type { Method } from './attempt.ts';

/** Who the control plane is for etcd, where it has users. */
export interface EtcdUser {
  readonly name: string;
  /** Asked for each time, because the file that it is from may have changed. Throws what is wrong with it. */
  readonly password: () => string;
}

/** Makes the call that gives a token. */
export type Authenticate = (
  method: Method<AuthenticateRequest, AuthenticateResponse>,
  request: AuthenticateRequest,
) => Promise<AuthenticateResponse>;

/** The token that calls are made with, got when the first one needs it and again when it has expired. */
export class AuthToken {
  readonly #user: EtcdUser | undefined;
  #token: Promise<string> | undefined;

  constructor(user: EtcdUser | undefined) {
    this.#user = user;
  }

  /** Undefined where etcd has no users, or knows them by their certificates. */
  async get(authenticate: Authenticate): Promise<string | undefined> {
    const user = this.#user;
    if (user === undefined) return undefined;
    const getting = (this.#token ??= authenticate(AuthService.authenticate, {
      name: user.name,
      password: user.password(),
    }).then(({ token }) => token));
    try {
      return await getting;
    } catch (error) {
      this.expired(getting);
      throw error;
    }
  }

  /** The token of now is not valid any more. */
  expired(token = this.#token): void {
    if (this.#token === token) this.#token = undefined;
  }
}
