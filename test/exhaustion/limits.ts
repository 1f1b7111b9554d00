/** A command that runs the command after it with so many descriptors, and no way to more. */
export function withDescriptors(count: number): readonly string[] {
  return ['sh', '-c', `ulimit -n ${count} && exec "$@"`, 'sh'];
}
