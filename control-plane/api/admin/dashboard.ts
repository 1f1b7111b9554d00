import type { X509Certificate } from 'node:crypto';
import type { CreateDashboardLinkResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import { RequestError } from '../request-error.ts';
import type { AdminHandlers, ForCaller } from './for-operators.ts';

/** What the part of `Admin` that is about the dashboard needs. */
export interface DashboardHandlersOptions {
  readonly dashboard: {
    createLink(grant: {
      readonly certificate: X509Certificate;
      readonly mayChange: boolean;
    }): CreateDashboardLinkResponse | { readonly notServed: string };
  };
}

/** The part of `Admin` that lets browsers in. */
export function createDashboardHandlers(
  { dashboard }: DashboardHandlersOptions,
  forCaller: ForCaller,
): Pick<AdminHandlers, 'createDashboardLink'> {
  return {
    createDashboardLink: forCaller(({ allowChanges }, { certificate }) => {
      const link = dashboard.createLink({ certificate, mayChange: allowChanges });
      if (!('notServed' in link)) return link;
      const sentence = `this control plane serves no dashboard: ${link.notServed}`;
      const hint = 'start it with --dashboard-listen 127.0.0.1:15080, or another free port';
      throw new RequestError('dashboard-not-served', sentence, { hint });
    }),
  };
}
