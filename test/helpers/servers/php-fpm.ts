import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from '../deadline.ts';
import { freePort } from '../machine/free-port.ts';
import { accepts } from './nginx.ts';
import type { Scope } from '../scope.ts';
import { programPath } from '../machine/system-programs.ts';
import { temporaryDirectory } from '../machine/temporary-directory.ts';

/** A pool of PHP processes with one script. */
export interface PhpFpm {
  /** Where it speaks FastCGI. */
  readonly port: number;
  /** For the parameter SCRIPT_FILENAME. */
  readonly script: string;
}

/** Starts the machine's php-fpm with two processes and a script, and waits until it listens. */
export async function startPhpFpm(scope: Scope, source: string): Promise<PhpFpm> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const script = path.join(directory.path, 'index.php');
  const file = path.join(directory.path, 'php-fpm.conf');
  const log = path.join(directory.path, 'log');
  await writeFile(script, source);
  await writeFile(
    file,
    `[global]
error_log = ${log}
daemonize = no
[www]
listen = 127.0.0.1:${port}
pm = static
pm.max_children = 2
php_admin_value[post_max_size] = 64M
php_admin_value[upload_max_filesize] = 64M
php_admin_value[upload_tmp_dir] = ${directory.path}
`,
  );
  // As root it asks for a user of the processes, which have to read the script in our folder.
  const child = spawn(programPath('php-fpm'), ['-n', '-R', '-y', file], { stdio: 'ignore' });
  const ended = once(child, 'close');
  scope.teardown(async () => {
    // Its processes end with it.
    child.kill('SIGTERM');
    await ended;
    await directory[Symbol.asyncDispose]();
  });
  await eventually('php-fpm listens', async () => {
    if (child.exitCode !== null)
      throw new Error(`php-fpm ended: ${await readFile(log, 'utf8').catch(String)}`);
    return await accepts(port);
  });
  return { port, script };
}

/** The server block of an nginx that hands everything to PHP at an address. */
export function nginxBeforePhp(address: string, script: string, upstreamOptions = ''): string {
  return `
    upstream php { server ${address}; ${upstreamOptions} }
    server {
      listen 127.0.0.1:PORT;
      client_max_body_size 0;
      location / {
        fastcgi_pass php;
        fastcgi_keep_conn ${upstreamOptions === '' ? 'off' : 'on'};
        fastcgi_param SCRIPT_FILENAME ${script};
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param QUERY_STRING $query_string;
        fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length;
      }
    }`;
}
