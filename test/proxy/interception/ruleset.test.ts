import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { applyRuleset, SYSTEM_FOLDERS } from '../../../proxy/interception/apply-ruleset.ts';
import { InterceptionError } from '../../../proxy/interception/interception-error.ts';
import { renderRuleset, renderTeardown } from '../../../proxy/interception/ruleset.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const env = { PATH: SYSTEM_FOLDERS.join(':') };

const rules = renderRuleset({
  uid: 15_337,
  excludePorts: [9999, 22],
  excludeCidrs: ['10.0.0.0/8', 'fd12::/16', '192.0.2.1/32'],
  resolvers: ['192.0.2.53', '2001:db8::53', '192.0.2.54'],
  metadata: true,
  preservesClients: false,
});

const GOLDEN = `table inet hauberk
delete table inet hauberk

table inet hauberk {
	set excluded_ports {
		type inet_service
		flags interval
		auto-merge
		elements = { 22, 9999 }
	}

	set excluded_v4 {
		type ipv4_addr
		flags interval
		auto-merge
		elements = { 169.254.169.254/32, 10.0.0.0/8, 192.0.2.1/32 }
	}

	set excluded_v6 {
		type ipv6_addr
		flags interval
		auto-merge
		elements = { fd12::/16 }
	}

	set resolvers_v4 {
		type ipv4_addr
		elements = { 192.0.2.53, 192.0.2.54 }
	}

	set resolvers_v6 {
		type ipv6_addr
		elements = { 2001:db8::53 }
	}

	chain output {
		type nat hook output priority -110; policy accept;
		meta l4proto != tcp return
		meta skuid 15337 return
		ip daddr 127.0.0.0/8 return
		ip6 daddr ::1 return
		fib daddr type local return
		tcp dport @excluded_ports return
		ip daddr @excluded_v4 return
		ip6 daddr @excluded_v6 return
		ip daddr @resolvers_v4 tcp dport 53 return
		ip6 daddr @resolvers_v6 tcp dport 53 return
		meta l4proto tcp redirect to :15001
	}

	chain prerouting {
		type nat hook prerouting priority -110; policy accept;
		meta l4proto != tcp return
		iifname "lo" return
		tcp dport { 15008, 15020 } return
		tcp dport @excluded_ports return
		fib daddr type != local return
		meta l4proto tcp redirect to :15006
	}
}
`;

test('the rules are these', (t) => {
  t.is(rules, GOLDEN);
});

const NOTHING = {
  excludePorts: [],
  excludeCidrs: [],
  resolvers: [],
  metadata: false,
  preservesClients: false,
};
const bareRules = renderRuleset({ uid: 1, ...NOTHING });

test('an empty set has no list of elements, which nft would not take', (t) => {
  const bare = bareRules;
  t.false(/elements = \{\s*\}/.test(bare));
  t.regex(bare, /set excluded_v6 \{[^=]*auto-merge\n\t\}/);
});

test('nothing is left alone that nobody named', (t) => {
  t.notRegex(bareRules, /elements = /);
  t.notRegex(bareRules, /169\.254/);
});

for (const [title, text] of [
  ['rules with exclusions', rules],
  ['rules without', bareRules],
  ['a teardown', renderTeardown()],
] as const) {
  requires('nft', 'network-namespaces')(`nft takes ${title}`, (t) => {
    const check = spawnSync('unshare', ['--net', 'nft', '--check', '--file', '-'], {
      input: text,
      env,
      encoding: 'utf8',
    });
    t.deepEqual([check.status, check.stderr], [0, '']);
  });
}

requires('nft', 'network-namespaces')('nft would notice a mistake in them', (t) => {
  const input = rules.replace('redirect to :15001', 'redirect to :150010');
  const check = spawnSync('unshare', ['--net', 'nft', '--check', '--file', '-'], { input, env });
  t.not(check.status, 0);
});

requires('nft')('rules that nft does not take are one sentence', async (t) => {
  const error = await t.throwsAsync(applyRuleset('table inet { nonsense'), {
    instanceOf: InterceptionError,
  });
  t.is(error.code, 'nft-failed');
  t.regex(error.message, /^nft refused the rules: .*syntax error/);
});

test('without nft the sentence says what to install', async (t) => {
  const error = await t.throwsAsync(applyRuleset(renderTeardown(), ['/nonexistent']), {
    instanceOf: InterceptionError,
  });
  t.is(error.code, 'nft-missing');
  t.is(error.message, 'the program nft is not installed');
  t.is(error.hint, 'install the package nftables');
});

requires('nft')('a rule that the kernel lacks is named, with what to load', async (t) => {
  // Nothing of ours is missing in a kernel that tests run on.
  const folder = await mkdtemp(path.join(tmpdir(), 'hauberk-nft-'));
  t.teardown(() => rm(folder, { recursive: true }));
  for (const [rule, hint] of [
    ['meta l4proto tcp redirect to :15001', /modprobe nft_redir; .* without CONFIG_NFT_REDIR$/],
    ['fib daddr type local return', /modprobe nft_fib_inet;/],
    ['type nat hook output priority -110; policy accept;', /modprobe nft_chain_nat;/],
    ['table inet hauberk {', /^load the modules nf_tables,/],
  ] as const) {
    const complaint = `/dev/stdin:31:3-5: Error: Could not process rule: No such file or directory\n\t\t${rule}\n\t\t^^^\n`;
    await writeFile(
      path.join(folder, 'nft'),
      `#!/bin/sh\ncat >&2 <<'END'\n${complaint}END\nexit 1\n`,
      {
        mode: 0o755,
      },
    );
    const refused = applyRuleset(rules, [folder, ...SYSTEM_FOLDERS]);
    const error = await t.throwsAsync(refused, { instanceOf: InterceptionError });
    t.is(error.code, 'nft-unsupported');
    t.is(error.message, `the kernel lacks what the rules need: ${rule}`);
    t.regex(error.hint ?? '', hint);
  }
});
