import { enforcersAt } from '../../../common/authorization/enforcers-at.ts';
import { readStoredMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import { routeDocument, routeTable, type CountEndpoints } from './report.ts';

/** `hauberk routes` */
export const run = adminCommand(
  {
    name: 'hauberk routes',
    summary:
      'Lists the routes of the mesh that are in force: for which services they are, which requests each rule takes, and which backends it sends them to, with how many endpoints there are.',
    notes: [
      'docs/routes.md describes routes; hauberk authz explain --method GET --path / says which one a request takes.',
    ],
  },
  async (client, { json }) => {
    const { version, document } = await client.getMeshConfig();
    const { routes, backends } = readStoredMeshConfig(document, 'mesh.yaml').routes;
    const workloads = await client.listWorkloads();
    const count: CountEndpoints = (service) => enforcersAt(workloads, service, service.port).length;
    if (json) {
      return {
        version,
        routes: routes.map((route) => routeDocument(route, count)),
        backends,
      };
    }
    if (routes.length === 0) {
      return `there are no routes in version ${version} of the mesh configuration: every service is carried as bytes\n`;
    }
    return `${routeTable(routes, count)}by version ${version} of the mesh configuration\n`;
  },
);
