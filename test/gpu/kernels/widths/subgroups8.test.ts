import { testWidths } from './testWidths.ts';

testWidths(8, 'every width');
