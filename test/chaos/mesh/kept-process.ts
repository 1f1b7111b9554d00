/** A process that was started. */
export interface Launched {
  readonly pid: number;
  readonly exited: Promise<number | NodeJS.Signals>;
  signal(signal: NodeJS.Signals): void;
  /** What it has written. */
  output(): string;
}

/** A process of the mesh: started again when it ends by itself, as systemd and Docker do. */
export interface MeshProcess {
  readonly name: string;
  /** Undefined while there is none. */
  readonly pid: number | undefined;
  signal(signal: NodeJS.Signals): void;
  /** Ends it by SIGKILL; it stays away until it is started. */
  kill(): Promise<void>;
  start(): void;
}

/** What a kept process is made of. */
export interface KeptProcessOptions {
  readonly name: string;
  readonly launch: () => Launched;
  /** It has ended by itself. */
  readonly onExit: (name: string, how: string) => void;
  /** It has ended, whatever ended it: what it has written. */
  readonly onOutput: (name: string, output: string) => void;
}

/** What systemd waits before it starts a service again is a tenth of it. */
const RESTART_MS = 1_000;

/** Starts a process, and keeps it. */
export function keepProcess(
  options: KeptProcessOptions,
): MeshProcess & { end(): Promise<void>; output(): string } {
  const { name, launch, onExit, onOutput } = options;
  let launched: Launched | undefined;
  let isWanted = false;
  let restart: NodeJS.Timeout | undefined;
  const start = (): void => {
    clearTimeout(restart);
    isWanted = true;
    if (launched !== undefined) return;
    const mine = launch();
    launched = mine;
    void mine.exited.then((how) => {
      onOutput(name, mine.output());
      launched = undefined;
      if (!isWanted) return;
      onExit(name, String(how));
      restart = setTimeout(start, RESTART_MS);
    });
  };
  const kill = async (): Promise<void> => {
    clearTimeout(restart);
    isWanted = false;
    launched?.signal('SIGKILL');
    await launched?.exited;
  };
  start();
  return {
    name,
    get pid() {
      return launched?.pid;
    },
    signal: (signal) => launched?.signal(signal),
    kill,
    start,
    end: kill,
    output: () => launched?.output() ?? '',
  };
}
