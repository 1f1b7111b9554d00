// What must hold of every project, whatever is in it: the applications stay as they are, nothing
// that belongs to the network stays with them, and every container is held as tightly as it can be.
import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  injected,
  injectProject,
  projectPath,
  PROJECTS,
  injectText,
  servicesOf,
  type Services,
  withoutNetworkCheck,
} from './compose-projects.ts';

const MOVES = [
  'ports',
  'expose',
  'networks',
  'hostname',
  'domainname',
  'dns',
  'dns_search',
  'dns_opt',
  'extra_hosts',
  'links',
  'external_links',
  'mac_address',
];
const CHANGES = new Set([...MOVES, 'network_mode', 'depends_on', 'sysctls', 'deploy', 'scale']);
const MARKER = 'x-hauberk-injected';

function readBoth(name: string): { readonly before: Services; readonly after: Services } {
  const before = servicesOf(readFileSync(projectPath(name), 'utf8'));
  return { before, after: servicesOf(injectProject(name).output ?? '') };
}

function withMarker(services: Services, marker: string): Services {
  return Object.fromEntries(
    Object.entries(services).filter(([, service]) => service[MARKER] === marker),
  );
}

for (const name of PROJECTS.filter((project) => project !== 'extends')) {
  test(`${name}: every service is there, as it was`, (t) => {
    const { before, after } = readBoth(name);
    for (const [service, original] of Object.entries(before)) {
      const instances = [after[service], after[`${service}-1`], after[`${service}-2`]].filter(
        (instance) => instance !== undefined,
      );
      t.true(instances.length > 0, service);
      for (const instance of instances) {
        for (const [key, value] of Object.entries(original)) {
          if (CHANGES.has(key)) continue;
          t.deepEqual(withoutNetworkCheck(instance[key]), value, `${service}: ${key}`);
        }
      }
    }
  });

  test(`${name}: everything of the network is in the pod`, (t) => {
    const { before, after } = readBoth(name);
    for (const [app, service] of Object.entries(withMarker(after, 'app'))) {
      t.deepEqual(
        MOVES.filter((key) => key in service),
        [],
        app,
      );
      t.regex(String(service['network_mode']), /^service:.+-pod$/);
      const pod = after[`${app}-pod`];
      if (pod === undefined) continue;
      const original = before[app] ?? before[app.replace(/-\d+$/, '')] ?? {};
      for (const key of MOVES.filter((moved) => moved in original)) t.true(key in pod, key);
    }
  });

  test(`${name}: the pod alone may change the network, and only at its start`, (t) => {
    const { after } = readBoth(name);
    const pods = Object.values(withMarker(after, 'pod'));
    t.true(pods.length > 0);
    for (const pod of pods) {
      t.deepEqual(pod['cap_drop'], ['ALL']);
      t.deepEqual(pod['cap_add'], ['NET_ADMIN', 'SETUID', 'SETGID', 'SETPCAP']);
      t.deepEqual(pod['tmpfs'], ['/run'], 'readiness does not outlive the namespace');
    }
    const sidecars = Object.entries(withMarker(after, 'sidecar'));
    t.is(sidecars.length, pods.length);
    const controlPlanes = Object.entries(withMarker(after, 'control-plane'));
    for (const [title, service] of [...sidecars, ...controlPlanes]) {
      t.is(service['user'], '15337:15337', title);
      t.deepEqual(service['cap_drop'], ['ALL'], title);
      t.false('cap_add' in service, title);
    }
    for (const service of [...pods, ...[...sidecars, ...controlPlanes].map(([, value]) => value)]) {
      t.deepEqual(service['security_opt'], ['no-new-privileges:true']);
      t.true(service['read_only']);
    }
  });

  test(`${name}: no application starts before its sidecar is ready`, (t) => {
    const { after } = readBoth(name);
    const healthy = { condition: 'service_healthy', restart: true };
    for (const [app, service] of Object.entries(withMarker(after, 'app'))) {
      const pod = String(service['network_mode']).replace('service:', '');
      const sidecar = pod.replace(/-pod$/, '-sidecar');
      t.deepEqual((service['depends_on'] as Services)[sidecar], healthy, app);
      const beside = after[sidecar] ?? {};
      t.deepEqual((beside['depends_on'] as Services)[pod], healthy, sidecar);
      t.is(beside['network_mode'], `service:${pod}`);
    }
  });

  test(`${name}: each sidecar can read its own token alone`, (t) => {
    const { after } = readBoth(name);
    for (const [title, sidecar] of Object.entries(withMarker(after, 'sidecar'))) {
      const tokens = (sidecar['volumes'] as string[]).filter((volume) => volume.includes('token'));
      t.is(tokens.length, 1, title);
      t.regex(tokens[0] ?? '', /:\/run\/hauberk\/token:ro$/);
      const identity = /hauberk-token-([^:]+):/.exec(tokens[0] ?? '')?.[1];
      t.true((sidecar['command'] as string[]).includes(`--service=${identity}`), title);
    }
  });
}

test('where applications see their clients, the sidecar has one capability and the pod the rules', (t) => {
  const service = '{ image: web, ports: ["80:80"], x-hauberk: { client-address: preserve } }';
  const services = servicesOf(injected(`services: { web: ${service}, api: { image: api } }`));
  const { 'web-sidecar': sidecar, 'web-pod': pod, 'api-sidecar': other } = services;
  t.true(String(sidecar?.['command']).includes(',--client-address=preserve'));
  t.deepEqual(sidecar?.['cap_drop'], ['ALL']);
  t.deepEqual(sidecar?.['cap_add'], ['NET_RAW', 'SETUID', 'SETGID', 'SETPCAP']);
  // Whatever the container has, what runs in it has one, and is not root.
  const entrypoint = String(sidecar?.['entrypoint']);
  t.regex(entrypoint, /^setpriv,--reuid=15337,.*--bounding-set=-all,\+net_raw,hauberk$/);
  t.is(sidecar?.['init'], false);
  t.regex(String(pod?.['command']), /init-netns --client-address preserve /);
  t.deepEqual(pod?.['sysctls'], {
    'net.ipv4.tcp_fwmark_accept': '1',
    'net.ipv4.fwmark_reflect': '1',
  });
  t.is(other?.['cap_add'], undefined);
  t.is(other?.['user'], '15337:15337');
});

for (const { composeV1, name } of [
  { composeV1: false, name: '${COMPOSE_PROJECT_NAME}-api-2' },
  { composeV1: true, name: '${COMPOSE_PROJECT_NAME:-demo}_api_2' },
]) {
  test(`containers are called as by Compose ${composeV1 ? '1.29' : '2'}, which scales none that has a name`, (t) => {
    const text =
      'services: { api: { image: api, scale: 2 }, db: { image: db, container_name: own } }';
    const services = servicesOf(injectText(text, 'compose.yaml', { composeV1 }).output ?? '');
    t.is(services['api-2']?.['container_name'], name);
    t.true(JSON.stringify(services['api-2-pod']?.['networks']).includes(`"${name}"`));
    t.is(services['db']?.['container_name'], 'own');
  });
}
