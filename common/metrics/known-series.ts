/** The values of each label that has a closed list of them. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

/**
 * Every combination of the values. A series that is born at 1 has never increased, as Prometheus sees it,
 * and an alert on its increase misses the first event, which may be the only one: so what is known begins at 0.
 */
export function everySeries(known: KnownValues): readonly Readonly<Record<string, string>>[] {
  let series: Readonly<Record<string, string>>[] = [{}];
  for (const [label, values] of Object.entries(known)) {
    series = series.flatMap((labels) =>
      values.map((value) => Object.assign({}, labels, { [label]: value })),
    );
  }
  return series;
}

/** The members of a union of strings; the compiler sees to it that none is missing. */
export function everyValue<Union extends string>(members: Readonly<Record<Union, true>>): Union[] {
  return Object.keys(members) as Union[];
}
