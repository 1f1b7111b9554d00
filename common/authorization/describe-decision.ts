import type { Grounds, PolicyDecision, PolicyDenial } from './decide.ts';

/** Why a decision was made, as the end of a sentence: `the rule front allows it`. */
export function describeDecision(decision: PolicyDecision): string {
  if (!decision.allowed) return describeDenial(decision.reason, decision.grounds);
  const { grounds, audited, perRequest } = decision;
  const bySome =
    grounds.kind === 'rules'
      ? `${named(grounds.rules)} ${verb(grounds.rules, 'allows', 'allow')} it`
      : 'no rule applies, and the default allows workloads of the mesh';
  const why = perRequest ? `${bySome}, and rules decide about each request` : bySome;
  if (audited.length === 0) return why;
  return `${why}; ${named(audited)} would refuse it, but only ${verb(audited, 'audits', 'audit')}`;
}

/** Why a caller was refused, as the end of a sentence. */
function describeDenial(reason: PolicyDenial, grounds: Grounds): string {
  const rules = grounds.kind === 'rules' ? grounds.rules : [];
  switch (reason) {
    case 'denied-system-identity':
      return 'the identities of the mesh itself are not workloads';
    case 'denied-rule':
      return `${named(rules)} ${verb(rules, 'denies', 'deny')} it`;
    case 'denied-trust-domain':
      return 'the caller is of another trust domain, and no rule allows it by its full name';
    case 'denied-caller':
      return `${named(rules)} ${verb(rules, 'allows', 'allow')} other callers only`;
    case 'denied-request':
      return `${named(rules)} ${verb(rules, 'allows', 'allow')} the caller other requests only`;
    case 'denied-default':
      return 'no rule allows it, and the default allows no caller';
  }
}

/** More names make no sentence clearer. */
const MAX_NAMED = 5;

function named(rules: readonly string[]): string {
  const shown = rules.slice(0, MAX_NAMED).join(', ');
  const more = rules.length > MAX_NAMED ? ` and ${rules.length - MAX_NAMED} more` : '';
  return `the ${verb(rules, 'rule', 'rules')} ${shown}${more}`;
}

function verb(rules: readonly string[], one: string, many: string): string {
  return rules.length === 1 ? one : many;
}
