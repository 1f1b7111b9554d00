import { ComposeError } from '../compose-error.ts';
import type { ApplicationHealth } from '../plan/application-health.ts';
import type { Project, Service } from '../read/project.ts';

/**
 * The command after which the images of services are known here: that of Compose 1 where the file is for it, which calls
 * the images that it builds otherwise.
 */
export function imageCommand(services: readonly Service[], composeV1: boolean): string {
  const compose = composeV1 ? 'docker-compose' : 'docker compose';
  const { build = [], pull = [] } = Object.groupBy(services, ({ health }) =>
    health.kind === 'image' && health.build !== undefined ? 'build' : 'pull',
  );
  return Object.entries({ pull, build })
    .filter(([, those]) => those.length > 0)
    .map(([verb, those]) => `${compose} ${verb} ${those.map(({ name }) => name).join(' ')}`)
    .join(' && ');
}

/** Finds health checks that would be switched off, since their image is not known here, though the file counts on them. */
export function findUnknownHealth(
  project: Project,
  { health, composeV1 }: { readonly health: ApplicationHealth; readonly composeV1: boolean },
): readonly ComposeError[] {
  const services = [...project.services.values()];
  return services.flatMap((service) => {
    const change = health.get(service.name);
    if (change?.kind !== 'off') return [];
    // Compose goes on where an optional one does not become healthy.
    const waiting = services.find(({ dependsOn }) =>
      dependsOn.some(
        ({ value }) => value.healthy && !value.optional && value.service === service.name,
      ),
    );
    const isTuned = service.health.kind === 'image' && service.health.isTuned;
    if (waiting === undefined && !isTuned) return [];
    const why =
      waiting === undefined
        ? 'its healthcheck has no test, so that'
        : `${waiting.name} waits until it is healthy, which`;
    const sentence = `${why} the image ${change.image} decides, and that is not known here`;
    const hint = `run \`${imageCommand([service], composeV1)}\` and inject again, or write the test under healthcheck`;
    const { location, name } = service;
    return [new ComposeError('image-unknown', sentence, { location, service: name, hint })];
  });
}
