/** One figure of one round. */
export interface Figure {
  name: string;
  unit: string;
  value: number;
  /** The same of the floor, in the same round; absent: there is none. */
  floor?: number;
  /** us of processor time for each event, by process. */
  cpuUs?: Record<string, number>;
  floorCpuUs?: Record<string, number>;
}

/** What is measured, and how it is set up. */
export interface Scenario {
  name: string;
  /** One line for the reader of the table. */
  what: string;
  /** Counted rounds, where nobody asks for another number. */
  rounds: number;
  open(): Promise<OpenScenario>;
}

export interface OpenScenario {
  /** Ours and the floor, one after the other; which comes first turns with the round, so that neither is the warmer one. */
  round(n: number): Promise<Figure[]>;
  close: () => Promise<void>;
}

/** Both, in the order of the round. */
export async function inTurn<T>(
  n: number,
  ours: () => Promise<T>,
  floor: () => Promise<T>,
): Promise<{ ours: T; floor: T }> {
  if (n % 2 === 0) return { ours: await ours(), floor: await floor() };
  const first = await floor();
  return { floor: first, ours: await ours() };
}
