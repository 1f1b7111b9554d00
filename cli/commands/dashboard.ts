import { switchSetting } from '../../common/config/settings.ts';
import { dashboardUrl } from '../output/dashboard-url.ts';
import { adminCommand } from '../admin/admin-command.ts';

/** `hauberk dashboard` */
export const run = adminCommand(
  {
    name: 'hauberk dashboard',
    summary:
      'Prints a link that signs one browser in to the dashboard of the control plane, once and within five minutes. The browser that opens it sees the mesh as this operator does.',
    settings: {
      allowChanges: switchSetting({
        description:
          'let the browser also change things: apply, roll back, revoke; it asks for a confirmation each time',
      }),
    },
    examples: [
      { purpose: 'to look at the mesh', line: 'hauberk dashboard' },
      {
        purpose: 'a dashboard on the loopback of another host',
        line: 'ssh -L 15080:127.0.0.1:15080 HOST, and there: hauberk dashboard',
      },
    ],
    notes: ['docs/dashboard.md tells how it is served beyond loopback.'],
  },
  async (client, { allowChanges, json }, { stderr }) => {
    const link = await client.createDashboardLink({ allowChanges });
    const url = dashboardUrl(link);
    if (json) return { url, validSeconds: link.validSeconds, allowChanges };
    const what = allowChanges ? 'look and change things' : 'look, and change nothing';
    const minutes = link.validSeconds / 60;
    stderr.write(`for one browser, once, within ${minutes} minutes; it may ${what}\n`);
    return `${url}\n`;
  },
);
