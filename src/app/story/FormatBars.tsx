import { bandsOf, type FormatId, formatInfo } from '../../engine/index.ts';
import { formatPowerOfTwo } from '../format.ts';
import styles from './FormatBars.module.css';

const FORMATS: readonly (readonly [id: FormatId, name: string])[] = [
  ['f32', 'FP32'],
  ['bf16', 'bf16'],
  ['f16', 'f16'],
  ['e5m2', 'FP8 E5M2'],
  ['e4m3fn', 'FP8 E4M3'],
];

/** The exponents between which the ranges are drawn: those of FP32. */
const LOW = -126;
const HIGH = 128;

/** How formats divide their bits between range and digits, and the range that follows, from the engine's own table. */
export function FormatBars() {
  return (
    <table className={styles.formats}>
      <thead>
        <tr>
          <th scope="col">Format</th>
          <th scope="col">
            <span className={styles.exponent}>bits for the size</span>
            <span>{' and '}</span>
            <span className={styles.fraction}>for the digits</span>
          </th>
          <th scope="col">from the smallest to the largest number</th>
        </tr>
      </thead>
      <tbody>
        {FORMATS.map(([id, name]) => (
          <Row key={id} id={id} name={name} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ id, name }: { id: FormatId; name: string }) {
  const { exponentBits, mantissaBits } = formatInfo(id);
  const { normalFrom, overflowFrom } = bandsOf(id);
  const place = (exponent: number) => `${(100 * (exponent - LOW)) / (HIGH - LOW)}%`;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <span className={styles.bits} aria-hidden="true">
          <i />
          {Array.from({ length: exponentBits }, (_, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: bits have no other name
            <i key={i} className={styles.exponentBit} />
          ))}
          {Array.from({ length: mantissaBits }, (_, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: bits have no other name
            <i key={i} className={styles.fractionBit} />
          ))}
        </span>
        <span className={styles.count} translate="no">{`${exponentBits} + ${mantissaBits}`}</span>
      </td>
      <td>
        <span className={styles.range} aria-hidden="true">
          <i style={{ left: place(normalFrom), right: `calc(100% - ${place(overflowFrom)})` }} />
        </span>
        <span className={styles.count} translate="no">
          {`${formatPowerOfTwo(normalFrom)} to ${formatPowerOfTwo(overflowFrom)}`}
        </span>
      </td>
    </tr>
  );
}
