// Sizes as people type them: 512M, 1.5G, 2 TiB; a bare number is MiB. The gateway's parser is the judge.

const FACTOR: Record<string, number> = { "": 1, m: 1, g: 1024, t: 1024 ** 2, p: 1024 ** 3 };

/** MiB, or undefined when it is not a size. */
export function parseSize(typed: string): number | undefined {
  const match = /^\s*(\d+(?:[.,]\d+)?)\s*([mgtp]?)(?:i?b)?\s*$/i.exec(typed);
  if (!match) return undefined;
  return Math.round(Number((match[1] ?? "").replace(",", ".")) * (FACTOR[(match[2] ?? "").toLowerCase()] ?? 1));
}

export function showSize(mib: number): string {
  for (const [unit, factor] of [["TiB", 1024 ** 2], ["GiB", 1024]] as const) {
    if (mib >= factor && (mib * 10) % factor === 0) return `${mib / factor} ${unit}`;
  }
  return `${mib} MiB`;
}
