/** The part of a process's environment that has a name. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What of our environment a Node.js needs that we start with an environment of its own: the folder of a
 * library that the machine lacks, where `cli/find-node` has set it.
 */
export function nodeEnvironment(env: Environment): Record<string, string> {
  const libraries = env['LD_LIBRARY_PATH'];
  return libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries };
}
