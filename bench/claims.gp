# Draws the rates under a snapshot over time, and those of the workloads: gnuplot -c claims.gp DATA PICTURE
data = ARG1
set terminal svg size 1400,400 dynamic enhanced font 'sans-serif,13' background '#ffffff'
set output ARG2
set multiplot layout 1,3 margins 0.05,0.99,0.16,0.82 spacing 0.05 title 'Jobs per second, 8 clients'
set datafile missing 'NaN'
set grid ytics linecolor '#dddddd'
set border 3
set tics nomirror
set key at graph 0.98, 0.75
names = 'interlock by_hand pgmq'
colours = '#2f5d8a #88a9cf #999999'
name(i) = i == 2 ? 'by hand' : word(names, i)

set title 'claim 10, finish 10, with a snapshot held'
set xlabel 'seconds that it is held'
set logscale y
set xrange [0:*]
set format y '%.0s%c'
plot for [i = 1:3] data index (i - 1) using 1:2 with linespoints title name(i) \
    linewidth 2 pointtype 7 pointsize 0.5 linecolor rgb word(colours, i)

unset logscale y
unset xlabel
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set xtics scale 0
set xrange [-0.7:*]
set yrange [0:*]
set title 'insert, claim 1, finish 1, beside so many'
plot for [i = 1:3] data index 3 using (column(i + 1)):xtic(1) notitle linecolor rgb word(colours, i)

set title 'claim 10, finish 10, of a backlog'
plot for [i = 1:3] data index 4 using (column(i + 1)):xtic(1) notitle linecolor rgb word(colours, i)
unset multiplot
