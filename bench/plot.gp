# Draws the medians with their quartiles: gnuplot -c plot.gp DATA PICTURE
data = ARG1
set terminal svg size 1400,400 dynamic enhanced font 'sans-serif,13' background '#ffffff'
set output ARG2
set multiplot layout 1,3 margins 0.05,0.99,0.16,0.9 spacing 0.06
set style data histogram
set style histogram errorbars gap 1 linewidth 1.5
set style fill solid 0.9 noborder
set errorbars small linecolor '#444444'
set boxwidth 0.9
set grid ytics linecolor '#dddddd'
set border 3
set tics nomirror
set xtics scale 0 noenhanced
set xrange [-0.7:3.7]
set yrange [0:*]
set format y '%.0s%c'
set key top right

set title 'Over the wire: transactions per second'
plot data index 0 using 2:3:4:xtic(1) title '1 client' linecolor '#88a9cf', \
     '' index 0 using 5:6:7 title '8 clients' linecolor '#2f5d8a'

set format y '%g'
set title 'In the server: µs per update'
plot data index 1 using 2:3:4:xtic(1) notitle linecolor '#2f5d8a'

set title 'Over the wire: rows per second'
set format y '%.0s%c'
set xrange [7:14000]
set logscale x
set xtics ('10 rows' 10, '100' 100, '1,000' 1000, '10,000 in one call' 10000) right
set key center right
set style data yerrorlines
plot data index 2 using 1:2:3:4 title 'single calls in a transaction' linecolor '#999999', \
     '' index 2 using 1:5:6:7 title 'UPDATE … FROM jsonb\_to\_recordset' linecolor '#88a9cf', \
     '' index 2 using 1:8:9:10 title 'versioned\_update\_many' linecolor '#2f5d8a'
unset multiplot
